# Everything that node_base may touch, as text: twice the same means untouched.
cat /etc/hosts
find /etc/systemd /etc/sysctl.d ! -type d -printf '%p %l\n' | sort
systemctl list-units --type=timer --state=active --plain --no-legend | cut -d' ' -f1 | sort
