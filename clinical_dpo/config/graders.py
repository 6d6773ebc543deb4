"""What is known of graders before they grade."""

AWAITED = ("physicians", "judge")  # they speak after the run
PROXIES = ("rouge_likert",)  # automatic stand-ins for a judge
GIVEN = "given"  # of grades that came with answers from elsewhere
