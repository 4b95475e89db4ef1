"""What pyCANON measures in a table: one JSON object in, one out.

Its recursive diversity is left out: it takes the rarest value of a class for the most frequent one.
"""

import io
import json
import sys

import pandas
from pycanon import anonymity

asked = json.load(sys.stdin)
table = pandas.read_csv(io.StringIO(asked["csv"]), dtype={name: str for name in asked["qi"]})
qi = asked["qi"]
print(
    json.dumps(
        {
            "k": int(anonymity.k_anonymity(table, qi)),
            "l": int(anonymity.l_diversity(table, qi, ["illness"])),
            "entropy_l": int(anonymity.entropy_l_diversity(table, qi, ["illness"])),
            "t_illness": float(anonymity.t_closeness(table, qi, ["illness"])),
            "t_pay": float(anonymity.t_closeness(table, qi, ["pay"])),
            "beta": float(anonymity.basic_beta_likeness(table, qi, ["illness"])),
        }
    )
)
