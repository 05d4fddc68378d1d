#!/usr/bin/env python3
"""SIMULATED qaic-util: prints what the real one prints, from simulated.json beside its folder.

It stands alone (standard library only), because it is copied into trees and run from there.
Usage: qaic-util -q [-d QID]
"""

import json
import sys
import time
from pathlib import Path

HANG_SECONDS = 3600.0
ROW = """QID {qid}
\tStatus:{status}
\tPCI Address:{address}
\tPCI Info:Processing accelerators Qualcomm Device a100
"""
ROW_READY = """\tHW Version:0.2.0.0
\tHW Serial:0x64b5276b
\tFW Version:1.20.0
\tNSP Version:1.20.0
\tDram Total:{dram_mb} MB
\tDram Free:{dram_mb} MB
\tNsp Total:{nsps}
\tNsp Free:{nsps_free}
\tMCID Total:3072
\tNetworks Loaded:{loaded}
\tNetworks Active:0
\tNSP Frequency(Mhz):825
\tNSP Defective PG Mask: 0x0
\tSku Type:{sku}
\tBoard serial:{serial}
\tSoC temperature(degree C):45
\tBoard power(Watts):18.00
\tTDP Cap(Watts):{board_watts}.00
"""


def main(arguments: list[str]) -> int:
    """Print the wanted rows; return the exit code that the real program would."""
    facts = json.loads((Path(__file__).resolve().parents[1] / "simulated.json").read_text())
    mode = facts["util"]["mode"]
    print("simulated: no Qualcomm card is behind this answer", file=sys.stderr)
    if "-q" not in arguments:
        print("usage: qaic-util -q [-d QID]", file=sys.stderr)
        return 1
    if mode == "fail":
        print("Error: failed to open device", file=sys.stderr)
        return 1
    if mode in ("slow", "hang"):
        time.sleep(facts["util"].get("seconds", 0.0) if mode == "slow" else HANG_SECONDS)  # noqa: TID251
    if mode == "garbage":
        print("QID \x00\x7f\n\tStatus\nQID 99999999999\n\tPCI Address:??\n<<<")
        return 0
    print(write_rows(facts["socs"], _wanted_qid(arguments), no_serial=mode == "missing-serial"), end="")
    return 0


def _wanted_qid(arguments: list[str]) -> int | None:
    return int(arguments[arguments.index("-d") + 1]) if "-d" in arguments else None


def write_rows(socs: list[dict[str, object]], qid: int | None = None, no_serial: bool = False) -> str:
    """Return the rows of all SoCs, or of one; a SoC that is not Ready prints no serial and no SKU."""
    text = ""
    for soc in sorted(socs, key=lambda s: int(str(s["qid"]))):
        if soc.get("lost") or qid not in (None, soc["qid"]):
            continue
        text += ROW.format(**soc)
        if soc["status"] == "Ready":
            taken = {"nsps_free": 0, "loaded": 1} if soc.get("busy") else {"nsps_free": soc["nsps"], "loaded": 0}
            text += ROW_READY.format(**{**soc, **taken, "serial": "" if no_serial else soc["serial"]})
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
