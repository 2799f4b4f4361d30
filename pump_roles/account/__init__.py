"""What AWS accounts contain, read with boto3: nothing here changes anything."""
