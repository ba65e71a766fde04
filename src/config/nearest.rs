//! Which word was meant?

/// The one of these words that was probably meant: at most two slips away (one for short words), or the beginning of it.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let short = written.chars().count() < 5;
    let allowed = if short { 1 } else { 2 };
    let distance = |known: &str| if !short && known.starts_with(written) { allowed } else { slips(written, known) };
    let near = known.into_iter().map(|k| (distance(k), k)).filter(|(slips, _)| *slips <= allowed);
    near.min_by_key(|(slips, _)| *slips).map(|(_, k)| k)
}

/// How many letters must be changed, added, left out or swapped with their neighbour.
fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    if a.len().abs_diff(b.len()) > 2 || a.len() > 64 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i.saturating_add(1)];
        for (j, cb) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX);
            let next = j.saturating_add(1);
            let changed = at(&last, j).saturating_add(usize::from(ca != cb));
            let added = at(&row, j).saturating_add(1);
            let left_out = at(&last, next).saturating_add(1);
            let neighbours = |x: usize, from: &[char]| x.checked_sub(1).and_then(|x| from.get(x)).copied();
            let swapped = if neighbours(i, &a) == Some(*cb) && neighbours(j, &b) == Some(*ca) && i > 0 && j > 0 {
                at(&before, j.saturating_sub(1)).saturating_add(1)
            } else {
                usize::MAX
            };
            row.push(changed.min(added).min(left_out).min(swapped));
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn the_word_that_was_meant_is_found() {
        let known = ["listen", "public_url", "hosts", "key", "id"];
        let cases = [
            ("lisen", Some("listen")),
            ("lisetn", Some("listen")),
            ("Listen", Some("listen")),
            ("public-url", Some("public_url")),
            ("publicurl", Some("public_url")),
            ("keys", Some("key")),
            ("public", Some("public_url")),
            ("x", None),
            ("port", None),
            ("", None),
        ];
        for (written, meant) in cases {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }
}
