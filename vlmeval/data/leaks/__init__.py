"""What would make numbers too good: units and pictures in two splits, and what is done about them. Start at `audit`."""
