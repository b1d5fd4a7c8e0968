//! What differs between two texts, line by line.

/// A line of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// In both.
    Same(&'a str),
    /// Only in the first.
    Gone(&'a str),
    /// Only in the second.
    New(&'a str),
}

/// Most pairs of lines that are compared; longer texts are shown as wholly replaced between what they share at both ends.
const MOST: usize = 1_000_000;

/// All lines of both texts.
pub fn lines<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().map(str::trim_end).collect(), new.lines().map(str::trim_end).collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (before, after) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut all: Vec<Line> = old[..head].iter().map(|line| Line::Same(line)).collect();
    if before.len() * after.len() > MOST {
        all.extend(before.iter().map(|line| Line::Gone(line)));
        all.extend(after.iter().map(|line| Line::New(line)));
    } else {
        middle(before, after, &mut all);
    }
    all.extend(old[old.len() - tail..].iter().map(|line| Line::Same(line)));
    all
}

/// The lines that changed, each with up to `around` unchanged ones before and after it; a gap is a `Same("…")`.
pub fn near<'a>(all: &[Line<'a>], around: usize) -> Vec<Line<'a>> {
    let changed: Vec<usize> = all.iter().enumerate().filter(|(_, line)| !matches!(line, Line::Same(_))).map(|(at, _)| at).collect();
    let mut shown = Vec::new();
    let mut last = None;
    for (at, line) in all.iter().enumerate() {
        if changed.iter().any(|change| change.abs_diff(at) <= around) {
            if last.is_some_and(|last: usize| last + 1 < at) {
                shown.push(Line::Same("…"));
            }
            shown.push(*line);
            last = Some(at);
        }
    }
    shown
}

/// Longest common subsequence, walked from the front.
fn middle<'a>(before: &[&'a str], after: &[&'a str], all: &mut Vec<Line<'a>>) {
    let width = after.len() + 1;
    let mut common = vec![0u32; (before.len() + 1) * width];
    for i in (0..before.len()).rev() {
        for j in (0..after.len()).rev() {
            common[i * width + j] =
                if before[i] == after[j] { common[(i + 1) * width + j + 1] + 1 } else { common[(i + 1) * width + j].max(common[i * width + j + 1]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < before.len() || j < after.len() {
        if i < before.len() && j < after.len() && before[i] == after[j] {
            all.push(Line::Same(before[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < before.len() && (j == after.len() || common[(i + 1) * width + j] >= common[i * width + j + 1]) {
            all.push(Line::Gone(before[i]));
            i += 1;
        } else {
            all.push(Line::New(after[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_one_gone_and_one_new() {
        assert_eq!(lines("a\nb\nc", "a\nB\nc"), [Line::Same("a"), Line::Gone("b"), Line::New("B"), Line::Same("c")]);
    }

    #[test]
    fn both_texts_can_be_read_off_it() {
        let (old, new) = ("a\nb\nc\nd\ne", "b\nx\nd\ne\nf");
        let all = lines(old, new);
        let first: Vec<_> = all
            .iter()
            .filter_map(|l| match l {
                Line::Same(t) | Line::Gone(t) => Some(*t),
                Line::New(_) => None,
            })
            .collect();
        let second: Vec<_> = all
            .iter()
            .filter_map(|l| match l {
                Line::Same(t) | Line::New(t) => Some(*t),
                Line::Gone(_) => None,
            })
            .collect();
        assert_eq!((first.join("\n").as_str(), second.join("\n").as_str()), (old, new));
    }

    #[test]
    fn far_from_a_change_nothing_is_shown() {
        let all = lines("1\n2\n3\n4\n5\n6\n7", "1\n2\n3\n4\n5\n6\nseven");
        assert_eq!(near(&all, 1), [Line::Same("6"), Line::Gone("7"), Line::New("seven")]);
    }
}
