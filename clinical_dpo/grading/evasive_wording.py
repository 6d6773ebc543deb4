"""Patterns of English wording that evades a question and of wording that answers it.

`clinical_dpo.grading.evasiveness` matches the patterns without regard to case. In the matched text, each run of white
space is replaced by one space.
"""

# --- cutting an answer into clauses ---
SENTENCE_END = (
    r"(?<=[.!?;:])(?<!\b[A-Z]\.)(?<!\bi\.e\.)(?<!\be\.g\.)(?<!\bvs\.)(?<!\bal\.)(?<!\bdr\.)(?<!\bca\.) (?=\S)| [–—-] "
    r"|(?<=\S)—(?=\S)"
)
CLAUSE_START = (
    r",? (?=(?:but|however|whereas|because|although|though|nevertheless|nonetheless|since|please)\b)|, (?=(?:yet|as|so"
    r"|still|while|which|and yet)\b)"
)
CONCESSION = r"(?:although|though|even though|while|whilst|despite|in spite of)\b[^,]*, "
ADDITION = r",|\band\b"  # between a statement and an addition to it
INDIRECT = r" ?(?:whether|if|how|why|to|the (?:question|role|effect|value))\b"
QUOTED = r"\"[^\"]+\"|(?<!\w)'(?:[^']|(?<=\w)'(?=\w))+'(?!\w)"

# --- parts that are no sentence of the answer ---
PLACEHOLDER = (
    r"(?:n/a|na|nan|null|none|nil|blank|empty|tbd|tba)(?: (?:provided|given|available|found))?|(?:no|your|insert|enter"
    r"|type)(?: \w+)? (?:answer|response|text|output)(?: (?:here|given|provided|available))?|(?:the )?(?:(?:final"
    r"|short|long) )?(?:answer|ans|response|question|context|conclusions?|explanation|note|disclaimer)"
)
END_MATTER = (
    r"\b(?:references|bibliography|key ?words|funding|acknowledge?ments?|conflicts? of interest|competing interests"
    r"|copyright|trial registration|data availability|ethics approval)\b ?:.*"
)
PROMPT_ECHO = (
    r"^#{0,3} ?(?:instruction|question|context|input|below is an instruction)\b.*?(?:response|answer|output) ?:"
)

# --- experts to whom an answer sends the reader, research that an answer calls for ---
_EXPERT = (
    r"(?:doctors?|dr|physicians?|gps?|pharmacists?|clinicians?|specialists?|nurses?|midwi(?:fe|ves)|dentists?|surgeons?"
    r"|\w+ologists?|obstetricians?|p[ae]{1,2}diatricians?|psychiatrists?|therapists?|prescribers?|practitioners?"
    r"|professionals?|providers?|(?:care|medical|healthcare) team|person who prescribed|medical (?:advice|help"
    r"|attention))"
)
_RESEARCH = (
    r"(?:res\w{0,3}rch|stud(?:y|ies)|trials?|works?|investigations?|data|evidence|evaluations?|explorations?"
    r"|analys[ie]s|experiments?|validation)"
)
_MORE = (
    r"(?:fu\w?ther|more|additional|future|larger?|longer|well[- ]designed|well[- ]conducted|prospective|randomi[sz]ed"
    r"|controlled|high[- ]quality|multicent(?:re|er)|confirmatory|long[- ]term)"
)
_CALLED = (
    r"(?:need(?:s|ed)?|required?|requires|necessary|warrant(?:ed|s)?|called for|helpful|useful|desirable|recommended"
    r"|mandatory|awaited|encouraged|indicated|essential|should|must|justified)"
)
_NOT = r"(?:cannot|can ?not|can'?t|could not|couldn'?t|(?:am|are|is|was) (?:un|not )able to|will not|won'?t|may not)"
_KNOWN = (
    r"(?:known|clear|certain|established|understood|settled|determined|proven|resolved|decided|conclusive"
    r"|straightforward)"
)
_IS = r"(?:is|are|was|were|be|been|remains?|remained|seems?|appears?|it's|still)"

EVASIONS: dict[str, tuple[str, ...]] = {
    "refusal": (
        rf"\bi (?:really |just |simply )?{_NOT}\b.{{0,40}}\b(?:answer|help|provide|offer|give|recommend|comment|advise"
        r"|diagnos|respond|say|examine|assist|discuss|tell|prescribe|interpret|access)",
        r"\b(?:i am|i'm) (?:un|not )(?:able|qualified|allowed|permitted|licensed|trained|authori[sz]ed|in a position)",
        r"\b(?:i am|i'm|as) (?:only |just |merely )?an? (?:ai\b|artificial|(?:large )?language model|computer program|"
        r"chatbot|virtual assistant)",
        r"\bi(?:'m| am)? not a (?:doctor|physician|medical)",
        r"\bi (?:must|have to|will|would|am going to)? ?(?:respectfully |politely )?(?:decline|refuse|abstain"
        r"|refrain)\b",
        r"\bi (?:would|'d) (?:prefer|rather) not\b",
        r"\bi (?:do not|don'?t) have (?:access|enough|the|sufficient|any)\b.{0,60}",
        r"\bi (?:have no|lack (?:the )?)(?: ?medical)? ?(?:training|access|information|expertise|knowledge"
        r"|qualification)",
        r"\b(?:not |in)appropriate for me\b",
        r"\bbeyond (?:what i|my)\b",
        r"\bnot something (?:that )?i(?:'m| am| can| may)\b",
        r"\bleave (?:it|this|that|the question)(?: one| question)? unanswered\b",
        r"\b(?:guidelines|policy|policies|rules) (?:do not|don'?t|does not|doesn'?t|prevents?|prohibits?|forbids?)"
        r"(?: not)? ?(?:allow|permit|let)? ?me\b",
        rf"^(?:sorry,? )?{_NOT} (?:answer|help|comment|say)\b",
    ),
    "deferral": (
        rf"\b(?:consult(?: with)?|ask|see|contact|visit|call|seek|speak (?:to|with)|talk (?:to|with)|check with"
        rf"|refer to|discuss\w*(?: \w+){{0,3}} with|turn to|get|follow)\b(?: [\w'/-]+){{0,4}}? {_EXPERT}\b",
        rf"\b{_EXPERT}\b.{{0,40}}\b(?:is|are|will be|would be) (?:the )?(?:best|right|most|better)\b",
        rf"\b(?:should|must|ought to|need to|has to|have to|good idea to have)\b.{{0,60}}\b(?:interpreted|discussed"
        rf"|evaluated|assessed|looked at|reviewed|checked|answered|examined|decided|made) (?:by"
        rf"|with)\b(?: [\w'-]+){{0,3}} {_EXPERT}\b",
        rf"\bonly (?:an?|your|the)(?: \w+){{0,3}} {_EXPERT}\b.{{0,80}}\bcan\b",
        rf"\b(?:have|get)\b.{{0,50}}\b(?:checked|looked at|seen|examined|evaluated"
        rf"|assessed) by\b(?: [\w'-]+){{0,3}} {_EXPERT}",
        r"\b(?:if this is|in case of|in) (?:an |a )?(?:medical )?emergency\b",
        r"\b(?:refer to|read|follow|see) (?:the )?(?:\w+ )?(?:guidelines|package insert|leaflet|literature)\b",
    ),
    "more_research": (
        rf"\b{_MORE}\b[^.]{{0,100}}?\b{_RESEARCH}\b[^.]{{0,60}}?\b{_CALLED}\b",
        rf"\b{_RESEARCH}\b[^.]{{0,60}}?\b(?:is|are|remains?|will be|would be) (?:\w+ )?(?:needed|required|warranted"
        rf"|necessary)\b",
        rf"\b(?:need|call|case|necessity|wait) for\b[^.]{{0,40}}\b{_RESEARCH}\b",
        rf"\b(?:deserves?|merits?|warrants?|needs?|requires?)\b.{{0,20}}\b{_MORE}\b",
        rf"\b(?:deserves?|merits?|warrants?|needs?|requires?|ought|should|has|have)\b(?: to)?(?: be)? (?:investigated"
        rf"|studied|explored|{_RESEARCH}|clarified|elucidated|confirmed)\b",
        rf"\bawait(?:s|ing|ed)?\b.{{0,40}}\b(?:results?|{_RESEARCH})\b",
        rf"\bwe (?:recommend|suggest|propose|need|encourage|plan)\b.{{0,20}}\b{_MORE}\b.{{0,20}}\b{_RESEARCH}\b",
    ),
    "undetermined": (
        rf"\b{_IS}\b.{{0,25}}\b(?:unclear|unknown|uncertain|undetermined|inconclusive|controversial|debat(?:ed|able)"
        rf"|disputed"
        r"|unresolved|unsettled|equivocal|unproven|elusive|open to (?:debate|question|discussion)|an open question)\b",
        rf"\b(?:not|never|n't|hardly|far from)\b (?:\w+ ){{0,2}}?{_KNOWN}\b",
        r"^(?:it (?:is|was)|it's)? ?(?:\w+ )?(?:unclear|unknown|uncertain|undetermined|inconclusive|unsure|maybe"
        r"|perhaps|possibly|mixed results|not sure)\b",
        rf"\b{_NOT} be (?:\w+ )?(?:{_KNOWN}|answered|concluded|drawn|made|said|sure|assessed|ruled in or out)\b",
        r"\bno (?:\w+ )?conclusions?\b.{0,20}\b(?:can|could|is|are|possible|drawn)\b",
        r"\b(?:not|im)(?: yet)? ?possible to (?:say|tell|know|determine|conclude|draw|answer|decide|establish)\b",
        r"\b(?:hard|difficult|too early|too soon) to (?:say|tell|know|determine|conclude|draw|answer|decide)\b",
        r"\bconclusions? (?:is|are|remain) (?:difficult|hard|premature|impossible)\b",
        r"\b(?:insufficient|inadequate|not enough|too little|too few|limited|scarce|sparse|conflicting|mixed"
        r"|contradictory|inconsistent|lack of|low[- ]quality)\b(?: [\w-]+){0,3} (?:evidence|data|information|results?"
        r"|literature|findings)\b",
        r"\b(?:evidence|data|information|results|findings|literature)\b(?: [\w-]+){0,5}? (?:is|are|was|were|remains?"
        r"|have been|has been)\b.{0,20}\b(?:insufficient|inadequate|limited|scarce|sparse|conflicting|mixed"
        r"|contradictory|inconsistent|lacking|few|weak)\b",
        r"^(?:\w+ ){0,3}(?:it|this|that|answer)? ?(?:all |really |largely )?depends?\b",
        r"\b(?:may|might|can|could) or (?:may|might|can|could) not\b",
        r"\b(?:experts?|opinions?|authors|views|results|studies|findings|trials)\b.{0,30}\b(?:differ|disagree|vary"
        r"|varies|conflict|are divided)\b",
        r"\b(?:not|n't)\b.{0,20}\benough (?:\w+ )?(?:evidence|data|information|studies|trials)\b",
        r"\b(?:abstract|context|passage|text|article|question|information)\b.{0,20}\b(?:not|n't) (?:\w+ )?(?:provide"
        r"|mention|contain|say|address|report|specify|state|include|give|answer)\b",
        r"\b(?:matter|subject|topic) of (?:\w+ )?(?:debate|controversy|discussion|dispute)\b",
        r"\bremains? to be (?:seen|\w+ed)\b",
        r"\b(?:nobody|no one|none of us) (?:really )?knows?\b|\b(?:i|we) (?:do not|don'?t|cannot"
        r"|can'?t) (?:yet )?(?:know|be sure|tell)\b",
        r"\bonly time will tell\b|\btime will tell\b|\bthe jury is still out\b",
    ),
    "restatement": (
        r"^(?:in order )?to (?:determine|assess|evaluate|investigate|examine|compare|explore|study|analy[sz]e|describe"
        r"|test|identify|review|measure|find out|clarify)\b",
        r"\b(?:question|aim|objective|purpose|goal|hypothesis|issue)s? (?:here )?(?:is|was|were|are|of)\b(?! (?:yes"
        r"|no)\b)",
        r"\b(?:study|trial|paper|article|review|analysis|survey|report|work|we|authors?|researchers?|investigators?)\b"
        r"[^.]{0,60}?\b(?:examine[sd]?|investigate[sd]?|evaluate[sd]?|assess(?:ed|es)?|compare[sd]?|explore[sd]?"
        r"|studied|stud(?:ies|y) (?:whether|if|how)|analy[sz]e[sd]?|aim(?:s|ed)|sought|measured?|tested|review(?:ed|s)"
        r"|assigned|address(?:es|ed)|looked at|describe[sd]?)\b",
        r"\b(?:was|were) (?:then |also |retrospectively |prospectively )?(?:examined|investigated|evaluated|assessed"
        r"|compared|explored|studied|analy[sz]ed|surveyed|randomi[sz]ed|recruited|enrolled|assigned|measured"
        r"|interviewed|collected|reviewed|recorded)\b",
        r"\b(?:findings|results|implications|data) (?:is|are|were|will be) (?:presented|discussed|reported"
        r"|described)\b",
        r"^(?:so )?you (?:would like|want|are asking|asked|wonder|are wondering|wish)\b",
        r"\b(?:results?|findings?|data|study|we)\b[^.]*\b(?:show|indicat|suggest|demonstrat|reveal|f(?:ou|i)nd"
        r"|conclud)\w*(?: that)?$",
    ),
    "boilerplate": (
        r"\b(?:thank you|thanks) (?:for|very)\b|^(?:thank you|thanks)\b",
        r"\b(?:i |we )?hope (?:this|that|you|it|i)\b|\blet (?:me|us) know\b|\bfeel free\b|\b(?:wish|wishing) you\b",
        r"^(?:hello|hi|hey|dear|welcome|greetings|good (?:morning|day|evening)|regards|best wishes|take care)\b",
        r"^(?:sure|certainly|of course|absolutely|interesting|great|good question|okay|ok)\W*$|\bhere (?:is"
        r"|are) (?:the|a|an|my|your|some)\b",
        r"\b(?:a|an) (?:\w+ )?(?:important|interesting|good|great|difficult|excellent|complex"
        r"|relevant)(?: [\w-]+){0,3} (?:question|topic|issue|subject)\b",
        r"\bi (?:\w+ )?(?:understand|appreciate|have gone through|have read)\b|\bi(?:'m| am) sorry\b",
        r"\b(?:educational|informational|information)(?: and \w+)? (?:use|purposes?)\b",
        r"\b(?:not|n't)(?: intended)?(?: as| be)?(?: an?| to)? ?(?:substitute|replace|constitute|replacement)\b",
        r"\b(?:no|any) (?:competing|conflicts? of) interests?\b|\ball rights reserved\b|\bethic(?:s|al) (?:approval"
        r"|committee)\b",
        r"\bstay (?:positive|safe|healthy|strong)\b|\blisten to your body\b|\bget well\b",
    ),
    "background": (
        r"\b(?:is|are) (?:an?|one of the|among the|the)\b(?: [\w-]+){0,5}? (?:disease|disorder|condition|syndrome"
        r"|illness|protein|hormone|enzyme|molecule|operation|surgery|topic|complication|infection|organ|tissue|vitamin"
        r"|mineral)s?\b",
        r"\baffects? (?:about |approximately |around |up to |nearly |over |many )?(?:\d|millions|thousands|people)",
        r"\b(?:is|are) (?:very |quite |among the )?(?:common|frequent|prevalent) in\b",
        r"\b(?:work|works) by\b|\bmechanisms? (?:involve|include)s?\b",
        r"\b(?:was|were) (?:first )?(?:discovered|described|introduced|invented|developed) in\b",
        r"\b(?:over|in|for|during) the (?:past|last)\b|\bhas been one of the\b|\bone of the most\b",
        r"\bthere are(?: [\w,-]+){1,8} (?:types|kinds|forms|classes|phases|stages)\b|\bhas(?: [\w,-]+){1,6} (?:phases"
        r"|stages|subtypes)\b",
        r"\bmean age\b|\b(?:response|return) rate\b|\bquestionnaires? (?:posted|sent|mailed|returned|distributed)\b",
        r"\b(?:are|is|were) (?:male|female|women|men)\b",
    ),
    "vague": (
        r"\b(?:advantages|pros|benefits|strengths|upsides|arguments)\b (?:and|for and|on|as well as)(?: its| their"
        r"| the| some)? ?(?:limitations|disadvantages|cons|risks|drawbacks|weaknesses|downsides|against|both|either)\b",
        r"\bsome(?: \w+)? (?:think|believe|say|argue|do|agree)\b.*\bothers?\b",
        r"\b(?:many|several|various|different|multiple|numerous)(?: \w+)? (?:aspects|factors|things|considerations"
        r"|views|options|ways)\b",
        r"\b(?:everyone|everybody|every (?:patient|person|case|woman|man|child)\S*|each (?:patient|person|case)\S*)\b"
        r".{0,30}\b(?:different|unique|own|differs?|individual)\b",
        r"\b(?:has|have|had) (?:its|their) (?:place|role|uses)\b",
    ),
}

# --- wording that answers ---
DIRECT = (
    r"^\W*(?:\(?[a-e][).] ?)?(?:and |so |well,? |in short,? |overall,? )*(?:yes|yeah|yep|yup|no|nope|nah|not|never"
    r"|always|rarely|seldom|often|usually|sometimes|generally|mostly|probably|likely|most likely|unlikely|definitely"
    r"|absolutely|certainly|true|false|correct|incorrect|avoid|better|don't|do not|go|stop|start|take|call|use)\b"
    r"|\b(?:yes|no)\W*$|^(?:it|they|he|she|this|that|these|those|you|there) (?:\w+ )?(?:do|does|did|is|are|was|were"
    r"|can|could|may|might|should|will|would|has|have)(?: not|n't)?\W*$"
)
OPEN_QUESTION = r"(?:^|[:,?] )(?:what|which|who|whom|whose|when|where|why|how)\b"
FIGURES = (
    r"\d ?%|\bper ?cent\b|\b(?:p|or|rr|hr|ci|r|n) ?[=<>]|\b(?:rr|or|hr|ci|auc)\b,? [\d(]|\b\d+ (?:of|out of|in) \d+"
    r"|\d(?:\.\d+)?[- ]?fold\b|\b\d+ (?:\w+ )?survived"
)
REPORTED = (
    r"\b(?:(?<!\bis )(?<!\bare )found|finds?|show(?:s|ed|n)?|reveal(?:s|ed)?|demonstrat(?:es?|ed)|suggest(?:s|ed)?"
    r"|indicat(?:es?|ed)|conclud\w+|confirm(?:s|ed)?|support(?:s|ed)?)(?: \w+){3}|\bno (?:\w+ )?(?:difference|effect"
    r"|association|benefit|evidence|change|correlation|relation)|\bsignificant(?:ly)?\b|\b(?:did|does|do|was|were|is"
    r"|are) (?:not|no)\b|\b(?:safe|effective|useful|reliable|accurate|feasible|superior|inferior|associated"
    r"|predict(?:s|or|ed|ive))\b"
)
FINDINGS = {
    "change": r"\b(?:un)?(?:increas|decreas|reduc|lower|rais|rose|rise|fall|fell|drop|declin|gain|los[te]|improv"
    r"|wors|deteriorat|shorten|prolong|delay|prevent|protect|promot|enhanc|inhibit|suppress|restor|maintain|halv|doubl"
    r"|cut|spare|shr[aiu]nk|grew|slow|accelerat|chang|alter|modif|vanish|resol)\w*",
    "comparison": r"\b(?:than|higher|greater|larger|smaller|less|fewer|more|most|least|better|best|same"
    r"|similar\w*|equal\w*|equivalent|comparable|superior\w*|inferior\w*|differ\w*|vary|varies|exceed\w*|outperform\w*"
    r"|twice|half|third|quarter|\w+fold)\b",
    "relation": r"\b(?:associat|correlat|relat|link|predict|influenc|affect|effect|impact|independ|caus|lead|led"
    r"|result|contribut|determin|depend|attribut|consequen|respon|mediat|explain|account)\w*|\bdue to\b"
    r"|\b(?:risk factor|role|factor|marker)s?\b",
    "judgement": r"\b(?:un)?(?:safe|effectiv|efficac|useful|feasib|reliab|accura|valid|good|adequate|appropriate"
    r"|necessar|benefi|help|promising|important|sufficient|common|frequent|rare|sensitiv|specific|harm|danger|success"
    r"|viable|excellent|poor|low|high|strong|weak|limited|suitab|contraindicat|normal|toler|toxic|prevalen|valuable"
    r"|acceptab|possible|able|allow|capable|fine)\w*",
    "report": r"\b(?:show|demonstrat|suggest|indicat|reveal|found|find|confirm|support|observ|conclu|appear|seem"
    r"|likely|unlikely|probab|evidence|identif|detect|report|provid|present|represent)\w*",
    "advice": r"\b(?:should|recommend\w*|must|avoid\w*|need\w*|advis\w*|consider\w*|stop|mandatory|ambulance|hospital"
    r"|emergency (?:care|department|room))\b",
    "negation": r"\b(?:no|not|neither|nor|never|none|without|fail(?:s|ed)?|cannot|lack(?:s|ed)?)\b|n't\b",
    "figures": FIGURES + r"|\b\d+(?:\.\d+)? ?(?:mg|g|ml|weeks?|days?|months?|years?|hours?|points?|mm\w*)\b"
    r"|\b(?:one|two|three|four|five|six|seven|eight|nine) (?:in|of|out of) (?:\w+)\b",
}
POINTING_BACK = (
    r"\b(?:it|they|them|both|neither|such|these|our|we|groups?|arms?|trials?|studies|study|cohorts?|placebo|controls?"
    r"|patients?|results|findings|outcomes?|survival|mortality|no (?:\w+ )?(?:link|effect|benefit|difference|evidence"
    r"|association))\b"
)
_STOPWORDS = """
a about after all among an and any are as at be been before being between both by can could did do does during each for
from had has have how if in into is it its may more most much must no nor not of on only or other our over per same
should so some such than that the their them then there these they this those through to under up use used using very
was we were what when where whether which while who why will with within would you your my
patient patients study studies new role
"""
STOPWORDS = frozenset(_STOPWORDS.split())
