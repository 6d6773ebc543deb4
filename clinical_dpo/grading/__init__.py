"""Grades of answers: by labels, rules, people or a judge."""
