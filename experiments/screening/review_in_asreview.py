"""One review simulated by ASReview, for `beside_asreview.py`, which calls this with an interpreter that has ASReview.

stdin: {titles, abstracts, labels, priors}; stdout: {order, seconds, clock}. ELAS u4, to the end, records in the order
of the file until both classes are known.
"""

import json
import sys
import time


def main() -> None:
    import pandas as pd
    from asreview.learner import ActiveLearningCycle
    from asreview.models.models import get_ai_config
    from asreview.models.queriers import TopDown
    from asreview.models.stoppers import IsFittable
    from asreview.simulation.simulate import Simulate

    topic = json.load(sys.stdin)
    records = pd.DataFrame({"title": topic["titles"], "abstract": topic["abstracts"]})
    began, clock = time.process_time(), time.perf_counter()
    cycles = [
        ActiveLearningCycle(querier=TopDown(), stopper=IsFittable()),
        ActiveLearningCycle.from_meta(get_ai_config("elas_u4")["value"]),
    ]
    review = Simulate(records, pd.Series(topic["labels"]), cycles, stopper=-1, print_progress=False)
    if topic["priors"]:
        review.label(topic["priors"])
    review.review()
    seconds, clock = time.process_time() - began, time.perf_counter() - clock
    order = [int(record) for record in review._results["record_id"]]
    json.dump({"order": order[len(topic["priors"]) :], "seconds": seconds, "clock": clock}, sys.stdout)


if __name__ == "__main__":
    main()
