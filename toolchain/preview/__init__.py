"""What a change of the stack means, told to whoever reviews it: from the plan that `pulumi preview` makes."""
