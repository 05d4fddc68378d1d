"""Temperature and power as Qualcomm's out-of-tree driver tells them in sysfs; the kernel's own driver has no hwmon.

qaic-util tells the same and is believed before this; a container that may not run it has this alone.
"""

from airgate_plugin.sources.hostfs import HostFiles

TEMPERATURE, POWER = "temp2_input", "power1_input"  # thousandths of a degree Celsius, millionths of a watt


def read_hwmon(host: HostFiles, at: str) -> dict[str, str]:
    """Return the readings of the PCI device whose folder is `at`, as facts; {} where the driver gives none."""
    facts: dict[str, str] = {}
    try:
        names = host.find_names(f"{at}/hwmon")
    except OSError:
        return facts  # a reading is for looking at: without it the device is as it is
    for name in names:
        temperature = host.read_number(f"{at}/hwmon/{name}/{TEMPERATURE}")
        power = host.read_number(f"{at}/hwmon/{name}/{POWER}")
        facts |= {} if temperature is None else {"temperature_celsius": f"{temperature / 1000:g}"}
        facts |= {} if power is None else {"board_power_watts": f"{power / 1_000_000:.2f}"}
    return facts
