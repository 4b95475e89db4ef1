#!/usr/bin/env python3
"""Shows in a few lines what the workflow measured (`show.py quality`) or the function answered (`show.py answer`)."""
import json
import sys


def quality(run):
    found, published = run["output"]["quality"], run["output"]["published"]
    print(f"\n  The last item of {found['customers']} customers was held back. Which ranking finds it?\n")
    print(f"  {'':24}{'NDCG@10':>9}{'recall@10':>11}{'coverage':>10}")
    for name, said in [("popularity", "what is popular"), ("item_knn", "item-kNN"), ("als", "implicit ALS"),
                       ("ranked_by_texts", "both, ranked by texts")]:
        row(said, found["rankings"][name])
    print("\n  As all customers were once, new: which list holds the item with which they began?\n")
    row("popular with everybody", found["new_customers"]["everybody"])
    row("popular in the segment", found["new_customers"]["segment"])
    new = found["new_items"]
    print(f"\n  Of the five items nearest to an item by its text, {new['same_category']:.0%} are of its category;"
          f" by chance {new['by_chance']:.0%}.")
    print(f"  Published for {published['customers']} customers and {published['items']} items,"
          f" {published['new_items']} of them new.")


def row(said, measured):
    print(f"  {said:24}{measured['ndcg']:9.3f}{measured['recall']:11.3f}{measured['coverage']:10.3f}")


def answer(told):
    if "error" in told:
        print("  refused:", told["error"])
    elif "statistic" in told:
        within = "" if told["within"] is None else f", each within {told['within']:.0f} in 95 of 100 cases"
        paid = "asked before, for nothing" if told["repeated"] else f"paid ε {told['paid']:g}"
        print(f"  {told['what']}{within}; {paid}, ε {told['left']:g} left")
        value = told["value"]
        print("  " + ", ".join(value if isinstance(value, list) else [f"{key} {count:.0f}" for key, count in value.items()]))
    else:
        if "basis" in told:
            print("  basis:", told["basis"])
        for item in told["items"] if "items" in told else told["similar"]:
            new = " (new)" if item["new"] else ""
            like = f" · like: {item['like']['title']}" if "like" in item else ""
            print(f"  {item['score']:8.3f}  {item['item']:15} {item['title']}{new}{like}")


if __name__ == "__main__":
    {"quality": quality, "answer": answer}[sys.argv[1]](json.load(sys.stdin))
