"""What Pump did through its roles, from CloudTrail: from files, or from the event history."""
