"""What a stack may never be: rules over the resources of a plan, of the tests' graph, or of a policy pack."""
