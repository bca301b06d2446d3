"""Everything that starts a job: schedules, webhooks, routes, Slack, e-mail, brokers."""
