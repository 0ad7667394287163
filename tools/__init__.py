"""Commands for developers: models, submission, deployment, the training of doodle."""
