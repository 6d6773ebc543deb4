"""Medical conditions of synthetic notes, grouped by the complaints that they explain."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Condition:
    """A diagnosis with its treatment, its symptoms, and its signs in examination and tests."""

    name: str
    treatment: str
    symptoms: tuple[str, ...]
    signs: tuple[str, ...]
    synonyms: tuple[str, ...] = ()
    treatment_synonyms: tuple[str, ...] = ()
    acute: bool = False  # a reason for admission to hospital


@dataclass(frozen=True)
class Differential:
    """Conditions with the same complaints. If one is the right answer, the others are plausible wrong answers."""

    complaints: tuple[str, ...]
    conditions: tuple[Condition, ...]

    def mimic(self, condition: Condition) -> Condition:
        """Return the condition that is most easily mistaken for `condition`: the next in the order of `conditions`."""
        return self.conditions[(self.conditions.index(condition) + 1) % len(self.conditions)]


DIFFERENTIALS = (
    Differential(
        ("chest pain", "shortness of breath"),
        (
            Condition(
                "stable angina",
                "nitroglycerin",
                ("pain on exertion", "relief with rest"),
                ("ST depression", "a positive stress test"),
                ("angina", "angina pectoris"),
                ("sublingual nitroglycerin", "nitrates"),
            ),
            Condition(
                "pulmonary embolism",
                "heparin",
                ("a recent long flight", "sudden onset"),
                ("calf swelling", "a high D-dimer"),
                ("PE",),
                ("anticoagulation",),
                acute=True,
            ),
            Condition(
                "pneumonia",
                "azithromycin",
                ("green sputum", "shaking chills"),
                ("a lobar infiltrate", "basal crackles"),
                ("community-acquired pneumonia",),
                acute=True,
            ),
            Condition(
                "acid reflux",
                "omeprazole",
                ("a sour taste", "relief with antacids"),
                ("esophagitis", "a hiatal hernia"),
                ("GERD", "gastroesophageal reflux disease", "reflux"),
                ("a proton pump inhibitor", "PPI"),
            ),
        ),
    ),
    Differential(
        ("headache", "nausea"),
        (
            Condition(
                "migraine",
                "sumatriptan",
                ("a visual aura", "light sensitivity"),
                ("a normal brain scan", "a throbbing temple"),
                ("migraine with aura",),
                ("a triptan",),
            ),
            Condition(
                "subarachnoid hemorrhage",
                "nimodipine",
                ("thunderclap onset", "a brief collapse"),
                ("blood on the brain scan", "a berry aneurysm"),
                ("SAH",),
                acute=True,
            ),
            Condition(
                "bacterial meningitis",
                "ceftriaxone",
                ("drowsiness", "rapid worsening"),
                ("neck stiffness", "cloudy spinal fluid"),
                ("meningitis",),
                acute=True,
            ),
            Condition(
                "temporal arteritis",
                "prednisone",
                ("jaw pain with chewing", "scalp tenderness"),
                ("a high ESR", "a thick temporal artery"),
                ("giant cell arteritis",),
                ("corticosteroids", "steroids"),
            ),
        ),
    ),
    Differential(
        ("knee swelling", "joint pain"),
        (
            Condition(
                "gout",
                "colchicine",
                ("attacks after beer", "a painful big toe"),
                ("urate crystals", "tophi"),
                ("acute gout", "gouty arthritis"),
            ),
            Condition(
                "septic arthritis",
                "vancomycin",
                ("a recent skin wound", "inability to walk"),
                ("a positive joint culture", "pus on aspiration"),
                ("infectious arthritis",),
                acute=True,
            ),
            Condition(
                "rheumatoid arthritis",
                "methotrexate",
                ("long morning stiffness", "symmetric hand pain"),
                ("a positive anti-CCP", "joint erosions"),
                ("RA",),
            ),
            Condition(
                "osteoarthritis",
                "acetaminophen",
                ("pain after long walks", "short stiffness"),
                ("bone spurs", "joint crepitus"),
                ("degenerative joint disease",),
                ("paracetamol",),
            ),
        ),
    ),
    Differential(
        ("fatigue", "poor concentration"),
        (
            Condition(
                "hypothyroidism",
                "levothyroxine",
                ("cold intolerance", "constipation"),
                ("a high TSH", "slow reflexes"),
                ("underactive thyroid",),
                ("thyroxine",),
            ),
            Condition(
                "major depression",
                "sertraline",
                ("low mood", "loss of interest"),
                ("flat affect", "poor eye contact"),
                ("depression", "major depressive disorder"),
                ("an SSRI",),
            ),
            Condition(
                "iron deficiency",
                "ferrous sulfate",
                ("craving for ice", "restless legs"),
                ("small red cells", "low ferritin"),
                ("iron deficiency anemia",),
                ("iron supplements", "oral iron"),
            ),
            Condition(
                "B12 deficiency",
                "cyanocobalamin",
                ("numb feet", "a strict vegan diet"),
                ("large red cells", "a smooth tongue"),
                ("vitamin B12 deficiency", "cobalamin deficiency"),
                ("vitamin B12",),
            ),
        ),
    ),
    Differential(
        ("abdominal pain", "vomiting"),
        (
            Condition(
                "appendicitis",
                "appendectomy",
                ("pain moving to the right", "loss of appetite"),
                ("rebound tenderness", "a thick appendix"),
                ("acute appendicitis",),
                ("laparoscopic appendectomy",),
                acute=True,
            ),
            Condition(
                "kidney stone",
                "tamsulosin",
                ("colicky flank pain", "pain in the groin"),
                ("blood in the urine", "a dilated ureter"),
                ("nephrolithiasis", "ureteral stone"),
                acute=True,
            ),
            Condition(
                "cholecystitis",
                "cholecystectomy",
                ("pain after fatty meals", "shoulder pain"),
                ("a positive Murphy sign", "gallstones"),
                ("acute cholecystitis",),
                ("laparoscopic cholecystectomy",),
                acute=True,
            ),
            Condition(
                "pancreatitis",
                "intravenous fluids",
                ("heavy alcohol use", "pain through to the back"),
                ("a high lipase", "a swollen pancreas"),
                ("acute pancreatitis",),
                ("IV fluids",),
                acute=True,
            ),
        ),
    ),
    Differential(
        ("cough", "wheezing"),
        (
            Condition(
                "asthma",
                "albuterol",
                ("symptoms at night", "pollen allergy"),
                ("reversible obstruction", "high eosinophils"),
                ("bronchial asthma",),
                ("salbutamol", "a short-acting beta agonist"),
                acute=True,
            ),
            Condition(
                "emphysema",
                "tiotropium",
                ("forty years of smoking", "morning phlegm"),
                ("a barrel chest", "fixed obstruction"),
                ("COPD", "chronic obstructive pulmonary disease"),
                acute=True,
            ),
            Condition(
                "heart failure",
                "furosemide",
                ("sleeping on three pillows", "swollen ankles"),
                ("raised neck veins", "a high BNP"),
                ("congestive heart failure", "CHF"),
                ("a loop diuretic", "diuretics"),
                acute=True,
            ),
            Condition(
                "tuberculosis",
                "isoniazid",
                ("drenching night sweats", "travel from a shelter"),
                ("an apical cavity", "acid-fast bacilli"),
                ("TB", "pulmonary tuberculosis"),
            ),
        ),
    ),
)
CONDITIONS = tuple(condition for differential in DIFFERENTIALS for condition in differential.conditions)
ACUTE = tuple(condition for condition in CONDITIONS if condition.acute)
