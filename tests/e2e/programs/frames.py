"""Frames of pandas by their arrays; `stop:` names the expressions that are compared with live pdb there."""
import pandas as pd


def main():
    df = pd.DataFrame({"a": [1, 2, 3], "b": [1.5, 2.5, 3.5]})
    blocks = df._mgr.blocks
    s = df["a"]
    x = 0  # stop: [b.values for b in df._mgr.blocks] ; df._mgr.blocks[0].ndim ; df._mgr.axes[1]._range ; len(df._mgr.blocks) ; s._mgr.blocks[0].values
    df["c"] = [True, False, True]
    df.loc[1, "b"] = 50
    x = 1  # stop: [b.values for b in df._mgr.blocks] ; len(df._mgr.blocks) ; [b.values for b in blocks]
    df["d"] = df["b"] * 2
    df = df[df["a"] > 1]
    del df["c"]
    df.index = pd.Index([10, 20])
    x = 2  # stop: [b.values for b in df._mgr.blocks] ; df._mgr.axes[1]._name


main()
