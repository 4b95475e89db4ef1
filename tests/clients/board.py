"""The last value of every scalar, and the count of every histogram, of the runs below a folder, as JSON.

    board.py FOLDER
"""

import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

folder = Path(sys.argv[1])
runs = {}
for place in sorted({path.parent for path in folder.rglob("events.out.tfevents.*")}):
    events = EventAccumulator(str(place))
    events.Reload()
    tags = events.Tags()
    runs[str(place.relative_to(folder))] = {
        "scalars": {tag: events.Scalars(tag)[-1].value for tag in tags["scalars"]},
        "histograms": {tag: events.Histograms(tag)[-1].histogram_value.num for tag in tags["histograms"]},
    }
print(json.dumps(runs))
