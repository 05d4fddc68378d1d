"""What every product and every image of the appliance agrees on.

In comes nothing; out go the names, the log format and the clock that the plugin, the serving runtime, the webapp
and the gateway share. Standard library only. What a name is used for is the business of the room that uses it.
"""
