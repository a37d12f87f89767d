"""What writing brings about, in the transaction of the write: TMF's task resources do their task.

A request to cancel moves its order, a bill on demand bills what is unbilled, a query reports usage, a
search proposes time slots, and an activation that is done shows on what it activated. Work that takes
longer, or is due later, is left to the worker (`resolvers/background`).
"""
