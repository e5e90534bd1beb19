#!/bin/bash -xe
yum update -y aws-cfn-bootstrap
/opt/aws/bin/cfn-init -v --stack web --resource Fleet --configsets default --region eu-west-1
/opt/aws/bin/cfn-signal -e $? --stack web --resource Fleet --region eu-west-1
