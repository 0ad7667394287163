"""What a stage has both on AWS and here, and the prices that AWS takes, for all that need them."""
