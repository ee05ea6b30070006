"""What callspan costs, in CPU time per call: `python -m benchmarks`, or `make bench`.

`workloads` are programs in plain LangChain. `contenders` are the ways to run them: plain, with bare spans of the SDK
(the `floor`), with callspan. `rotation` runs them in turn and takes the time, `report` prints tables and gates.
"""
