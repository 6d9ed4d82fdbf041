"""Recognition sites of restriction enzymes in common use, by name."""

from __future__ import annotations

from difflib import get_close_matches

__all__ = ["ENZYMES", "site_of"]

#: name of an enzyme -> the bases that it recognises, 5' to 3', in IUPAC letters
#: (names and sites as in REBASE, Roberts et al. 2023, doi:10.1093/nar/gkac975)
ENZYMES = dict(
    line.split()
    for line in """
        AarI CACCTGC | AatII GACGTC | Acc65I GGTACC | AccI GTMKAC | AclI AACGTT | AcuI CTGAAG | AflII CTTAAG
        AgeI ACCGGT | AhdI GACNNNNNGTC | AluI AGCT | AlwNI CAGNNNCTG | ApaI GGGCCC | ApaLI GTGCAC | AscI GGCGCGCC
        AseI ATTAAT | AvaI CYCGRG | AvrII CCTAGG | BamHI GGATCC | BanI GGYRCC | BbsI GAAGAC | BciVI GTATCC
        BclI TGATCA | BfuAI ACCTGC | BglI GCCNNNNNGGC | BglII AGATCT | BlpI GCTNAGC | BpiI GAAGAC | BsaI GGTCTC
        BseRI GAGGAG | BsgI GTGCAG | BsmBI CGTCTC | BsmFI GGGAC | BsmI GAATGC | BspEI TCCGGA | BspMI ACCTGC
        BspQI GCTCTTC | BsrDI GCAATG | BsrGI TGTACA | BssHII GCGCGC | BstBI TTCGAA | BstEII GGTNACC
        BstXI CCANNNNNNTGG | Bsu36I CCTNAGG | BtgZI GCGATG | BtsI GCAGTG | ClaI ATCGAT | DdeI CTNAG | DpnI GATC
        DraI TTTAAA | DraIII CACNNNGTG | EagI CGGCCG | EarI CTCTTC | Eco31I GGTCTC | EcoNI CCTNNNNNAGG
        EcoO109I RGGNCCY | EcoRI GAATTC | EcoRV GATATC | Esp3I CGTCTC | FokI GGATG | FseI GGCCGGCC | HaeIII GGCC
        HgaI GACGC | HhaI GCGC | HincII GTYRAC | HindIII AAGCTT | HinfI GANTC | HpaI GTTAAC | HpaII CCGG
        KasI GGCGCC | KpnI GGTACC | LguI GCTCTTC | MboI GATC | MfeI CAATTG | MluI ACGCGT | MlyI GAGTC
        MmeI TCCRAC | MscI TGGCCA | MseI TTAA | MspI CCGG | NarI GGCGCC | NcoI CCATGG | NdeI CATATG | NheI GCTAGC
        NlaIII CATG | NotI GCGGCCGC | NruI TCGCGA | NsiI ATGCAT | PacI TTAATTAA | PaqCI CACCTGC | PciI ACATGT
        PflMI CCANNNNNTGG | PleI GAGTC | PmeI GTTTAAAC | PshAI GACNNNNGTC | PstI CTGCAG | PvuI CGATCG
        PvuII CAGCTG | RsaI GTAC | RsrII CGGWCCG | SacI GAGCTC | SacII CCGCGG | SalI GTCGAC | SapI GCTCTTC
        Sau3AI GATC | SbfI CCTGCAGG | ScaI AGTACT | SfiI GGCCNNNNNGGCC | SmaI CCCGGG | SnaBI TACGTA | SpeI ACTAGT
        SphI GCATGC | SrfI GCCCGGGC | StuI AGGCCT | StyI CCWWGG | SwaI ATTTAAAT | TaqI TCGA | XbaI TCTAGA
        XcmI CCANNNNNNNNNTGG | XhoI CTCGAG | XmaI CCCGGG | XmnI GAANNNNTTC | I-SceI TAGGGATAACAGGGTAAT
    """.replace("\n", "|").split("|")
    if line.strip()
)


def site_of(name: str) -> str:
    """The site of an enzyme, in any case of its letters.

    Raises
    ------
    ValueError
        If the enzyme is not in the table; the message names those with names alike.
    """
    by_lower = {each.lower(): each for each in ENZYMES}
    known = by_lower.get(name.lower())
    if known is not None:
        return ENZYMES[known]
    near = [by_lower[each] for each in get_close_matches(name.lower(), by_lower, 3, 0.5)]
    hint = f"did you mean {' or '.join(near)}?" if near else "give its site in IUPAC letters, such as GGTCTC"
    raise ValueError(f"no enzyme is named {name!r}; {hint}")
