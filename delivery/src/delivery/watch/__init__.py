"""The watch over the components: alerting rules, dashboards, and their tests."""
