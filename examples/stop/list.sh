#!/usr/bin/env bash
# Lists what Pump's roles may have queued, listed, and subscribed, in each account and Region: prints
# the commands that delete it, and runs none of them. Name a profile of the AWS CLI for each account:
#
#     bash list.sh PROFILE OTHER_PROFILE
#
# Exits with 1 if something could not be read. A subscription can be yours: look at its addresses, which
# are on standard error. In China, set AWS_REGION to one of its Regions.
set -u
: "${1:?name a profile of the AWS CLI for each account}"
failed=0

list() {
  aws --profile "$profile" --output text "$@" || failed=1
}

for profile in "$@"; do
  list savingsplans describe-savings-plans --states queued --max-results 1000 \
    --query "savingsPlans[].[join(' ', ['aws savingsplans delete-queued-savings-plan',
      '--profile $profile --savings-plan-id', savingsPlanId])]"
  list ce get-anomaly-subscriptions \
    --query "AnomalySubscriptions[].[join(' ', [SubscriptionArn, 'sends to',
      join(',', Subscribers[].Address)])]" >&2
  list ce get-anomaly-subscriptions \
    --query "AnomalySubscriptions[].[join(' ', ['aws ce delete-anomaly-subscription',
      '--profile $profile --subscription-arn', SubscriptionArn])]"
  # The Regions that are enabled in the account.
  regions=$(list ec2 describe-regions --region "${AWS_REGION:-us-east-1}" --query "Regions[].[RegionName]")
  [ "$regions" ] || failed=1
  for region in $regions; do
    # AWS documents "queued" as a state, but not as a value of the filter "state".
    list ec2 describe-reserved-instances --region "$region" \
      --query "ReservedInstances[?State=='queued'].[join(' ', ['aws ec2 delete-queued-reserved-instances',
        '--profile $profile --region $region --reserved-instances-ids', ReservedInstancesId])]"
    list ec2 describe-reserved-instances-listings --region "$region" \
      --filters Name=status,Values=pending,active \
      --query "ReservedInstancesListings[].[join(' ', ['aws ec2 cancel-reserved-instances-listing',
        '--profile $profile --region $region --reserved-instances-listing-id', ReservedInstancesListingId])]"
  done
done
exit "$failed"
