"""Twenty SIGKILLs of web, reconciler or supervisor, each at a random moment of a deploy, in one trial."""

import random
import tempfile
from collections import Counter
from pathlib import Path

from tests.gateway.rig import wait_until
from tests.kit.trial import call_iris, run_trial
from tests.trial.test_trial import kill_in_a_deploy

SEED = 20261123
KILLS = 20
VICTIMS = ("web", "reconcile", "supervise")
LATEST_S = 3.0  # after the wish


def run() -> dict[str, object]:
    """Kill and look; predictions of a steady deployment may fail only where the supervisor itself was killed."""
    chance = random.Random(SEED)
    moments = []
    calls = 0
    with tempfile.TemporaryDirectory() as folder, run_trial(Path(folder) / "home", cards=4) as trial:
        trial.appliance.deploy("samples", "steady", model="iris")
        trial.appliance.wait_until_ready("samples", "steady")
        token = trial.appliance.make_token("samples", "steady")
        for number in range(KILLS):
            victim, moment = chance.choice(VICTIMS), round(chance.uniform(0, LATEST_S), 2)
            with call_iris(trial, "steady", token) as caller:
                kill_in_a_deploy(trial, victim, moment)
            calls += caller.calls
            assert victim == "supervise" or not caller.failures, (number, victim, caller.failures[:3])
            wait_until("predictions come back", lambda: trial.predict_iris("steady", token) == 200)
            moments.append((victim, moment))
    return {
        "kills": dict(Counter(victim for victim, _ in moments)),
        "seed": SEED,
        "calls_meanwhile": calls,
        "held": "each deployment came up with one process, and none was left after it was removed",
    }
