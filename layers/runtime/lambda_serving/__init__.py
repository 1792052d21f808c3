"""Model serving on AWS Lambda for people who write a ``Preprocess`` class."""
