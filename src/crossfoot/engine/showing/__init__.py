"""What Salesforce shows of Xero: worked out as desired states, sent where they differ."""
