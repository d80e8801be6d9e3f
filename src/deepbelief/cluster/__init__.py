"""Many runs at once, as tasks of Ray, on this machine or on a cluster."""
