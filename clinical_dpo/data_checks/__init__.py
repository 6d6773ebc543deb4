"""What is checked of a task's rows before anything trains on them."""
