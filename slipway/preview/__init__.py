"""What a change will do: the plan, whether it is still current, its consequences and the report."""
