"""The device plugin against simulated hosts (airgate_simulator) and a kubelet replayed over its real protocol."""
