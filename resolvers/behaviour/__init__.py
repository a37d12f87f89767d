"""What writing brings about: TMF's task resources do their task, and jobs theirs."""
