"""The stand-in for Pulumi's aws provider: boto3 against the endpoints that the provider's configuration names."""
