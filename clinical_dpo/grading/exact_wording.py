"""Patterns of English wording around a short answer.

`clinical_dpo.grading.exact_answers` matches these patterns with the clauses of an answer.
"""

import re

TOKEN = re.compile(
    r"(?<![\w.])-?\d+(?:\.\d+)?|\d+(?:\.\d+)?"  # a number, signed unless a word or point precedes it
    r"|(?<=\w)\s*-(?=\s*(?:$|[.,;)]))|[+<>≤≥±%]"  # AB-, AB+, <5
    r"|[^\W\d_]+"
)
LETTERED = (  # names that a letter completes: hepatitis A
    *("hepatitis", "vitamin", "group", "type", "factor", "influenza", "protein", "class", "stage", "grade"),
    *("hemophilia", "haemophilia", "immunoglobulin"),
)
SINGULAR = (  # ending -> singular ending; the first that matches counts
    *(
        ("ies", "y"),
        ("ices", "ix"),
        ("ex", "ix"),
        ("ses", "s"),
        ("sis", "s"),
        ("xes", "x"),
        ("ches", "ch"),
        ("shes", "sh"),
    ),
    *(("ata", "a"), ("ae", "a"), ("um", "a"), ("us", "i"), ("on", "a"), ("ss", "ss"), ("is", "is"), ("s", "")),
)
NOUN = (
    r"(?:answer|diagnosis|dx|treatment|therapy|management|choice|option|cause|impression|conclusion|drug|medication|"
    r"agent|test|study|finding|organism|pathogen|condition|disease|disorder|step|intervention|procedure|explanation|"
    r"response|result|dose|value)"
)
KIND = (
    r"(?:the|my|most|likely|final|correct|right|best|next|working|primary|probable|definitive|initial|suggested|"
    r"recommended|appropriate|single|first|line|preferred|leading)"
)
HEADING = re.compile(rf"(?:{KIND} )*(?:{NOUN}|final)")
CUE = re.compile(
    rf"\b(?:{NOUN}|final)\b[\w ]*\b(?:is|are|be|was|remains)(?: (?:an?|the))?$|"
    rf"^(?:{KIND} )*(?:{NOUN}(?: \w+){{0,3}}|final)$|^(?:{KIND} )+$"
)
ASSERTS = re.compile(
    r"(?:\b(?:is|are|be|would be|has|have|had|needs?|requires?|receives?|get|undergo|undergone|developed|given|on|"
    r"suggests?|establish(?:es)?|indicates?|confirms?|corresponds? to|(?:consistent|compatible|fits?|go|treat(?:ed)?|"
    r"managed?|sounds|looks|dealing|presents?|presented) (?:with|like|for)|(?:classic|typical|characteristic|"
    r"pathognomonic|case|picture|features|treat) (?:for|of)|sufferin?g? from|kept at|believe|tells us|think|"
    r"see here is|points? to(?:wards?)?|diagnosed with|called|represents?|means?|makes? (?:it|this)|suspect|favou?rs?|"
    r"choose|give|start|recommend|prescribe|administer|begin|order|perform|shows?|describes?|supports?|diagnosis of|"
    r"diagnostic of|indicative of|suggestive of|suffers from|say|diagnose)(?: (?:most|likely|probably|clearly|"
    r"therefore|thus|now|here|classic|typical|almost|certainly|definitely|an?|the|probable|him|her|them|it|patient|"
    r"this|oral|intravenous|iv|im|intramuscular|topical|emergency|urgent|immediate|prompt|severe|first|only|case|of|"
    r"he|she))*|^(?:(?:most|likely|probably|probable|clearly|classic|typical|so|therefore|thus|hence|an?|the|overall|"
    r"yes))*)$"
)
PRAISED = re.compile(  # words after a name that call the name the answer
    rf" (?:is|are|would be|should be|must be|seems|remains|appears|has to be|needs to be|can be) (?!not\b|never\b|"
    rf"less\b)(?:[\w']+ )*?(?:{NOUN}|likely|probable|correct|step|done|given|performed|carried out|started|indicated|"
    rf"recommended|required|needed|present|used|"
    r"preferred|warranted|evident|confirmed|what i)\b.*$"
)
HERE = re.compile(
    r" (?:today|now|here|first|immediately|urgently|to me|at once|without delay|in this case|before|unlike|"
    r"rather than|instead of|not|then|during|as soon|over|until)\b.*$"
)
REASON = re.compile(
    r"^(?:given|most|likely|probably|due|because|with|secondary|an?|the|which|as|considering|since|based|caused|not|"
    r"presenting|characteri[sz]ed|complicated|in|after|from|on|so|but|and (?:not|the|this|so|therefore)|manifest\w+|"
    r"confirmed|explaining|start|give|treat|begin|order|admit|consult|refer|consistent|unlike|giving|making|once|"
    r"twice|daily|\d+|rather|resulting|this|these|she|he|it|who|where|while|whereas|although|though|i|we|supported|"
    r"suggested|evidenced|for|to|there|no)\b"
)
CORRECTION = re.compile(
    r"\b(?:wait|actually|^correction$|on (?:reflection|second thoughts?)|hold on|scratch that|instead|"
    r"rather(?! than))\b"
)
LINKS = ("but", "so", "therefore", "thus", "hence", "yet", "however", "and", "that")
VERDICTS = {"answer", "diagnosis", "dx", "impression", "conclusion", "choice", "option"}
LEADS = re.compile(
    r"(?:most|likely|probably|clinically|overall|yes|okay|ok|sure|certainly|well|thanks|in|given|based|with|"
    r"considering|for|because|since|as|due|after|from|on)\b"
)
REASONS = re.compile(
    r"\b(?:due to|secondary to|caused by|because|given|since|based on|considering|as (?:shown|evidenced|suggested|"
    r"indicated|the|she|he|it)|in (?:an?|this|the|view|light)|from|which|although|while|whereas)\b.*"
)
DENIED = re.compile(
    r"\b(?:mother|father|brother|sister|aunt|uncle|family|relative|past|previous|unlikely|excluded|ruled out|"
    r"less likely|not (?:likely|present)|history of|rule out)\b"
)
NOT_NOW = re.compile(
    r"\b(?:if|unless|when|history|prior|previous|past|whether|between|initially|first|thought|considered|asked|told|"
    r"presumed|recurrent)\b"
)
VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|shows?|suggests?|establish(?:es)?|means?|argues?|supports?|confirms?|needs?|"
    r"should|would|can|may|\w{2,}ed|makes?|i|thought|think|fits?|lacks?)\b"
)
CUE_IS = re.compile(rf"\b{NOUN}(?: \w+){{0,4}} (?:is|are|was|remains) \w")
# Bullets below an answer that is not a bullet itself.
LISTED_REASONS = re.compile(r"(?<=\w)[.:]?\s*\n+(?:\s*[-*•] .*(?:\n|$))+\Z")
