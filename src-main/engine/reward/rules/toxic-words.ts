/**
 * Profanity, insults at a person and threats, in English. The list sees words, not meanings: "you idiot" and "I felt like an
 * idiot" count alike, and contempt in polite words is missed. Words that are mostly used otherwise ("hell", "kill", "trash",
 * "dumb luck") are left out, as are the names of groups: they are no insults. Slurs against groups are left out too: quoted, reclaimed
 * and hateful use cannot be told apart by the word, and half a list of them would pass for a whole one. Who must catch those uses a
 * reward model or a judge, or words of their own.
 */
export const toxicWords: readonly string[] = [
  // profanity
  'fuck', 'fucks', 'fucked', 'fucker', 'fuckers', 'fucking', 'motherfucker', 'motherfuckers', 'motherfucking', 'wtf', 'stfu', 'gtfo',
  'shit', 'shits', 'shitty', 'bullshit', 'shithead', 'shitheads', 'goddamn', 'goddamned', 'crappy', 'piss off', 'pissed off',
  'asshole', 'assholes', 'arsehole', 'arseholes', 'dumbass', 'dumbasses', 'jackass', 'jackasses', 'dickhead', 'dickheads', 'prick', 'pricks',
  'bastard', 'bastards', 'bitch', 'bitches', 'bitchy', 'son of a bitch', 'cunt', 'cunts', 'douchebag', 'douchebags', 'wanker', 'wankers',
  'twat', 'twats', 'slut', 'sluts', 'slutty', 'whore', 'whores', 'bollocks',
  // insults
  'idiot', 'idiots', 'idiotic', 'moron', 'morons', 'moronic', 'imbecile', 'imbeciles', 'stupid', 'stupidity', 'dimwit', 'dimwits',
  'halfwit', 'halfwits', 'numbskull', 'nitwit', 'nitwits', 'scumbag', 'scumbags', 'lowlife', 'lowlifes', 'pathetic', 'worthless',
  'you are disgusting', "you're disgusting", 'you disgust me', 'you are ugly', "you're ugly", 'you are dumb', "you're dumb", 'loser', 'losers',
  'creep', 'creeps', 'pervert', 'perverts', 'piece of trash', 'piece of garbage', 'piece of crap',
  // threats, and wishes of harm
  'shut up', 'shut your mouth', 'go to hell', 'rot in hell', 'burn in hell', 'drop dead', 'kill yourself', 'kys', 'go die', 'I will kill you',
  "I'll kill you", 'I will hurt you', "I'll hurt you", 'I hate you', 'nobody likes you', 'no one likes you', 'you deserve to die', 'hope you die'
]
