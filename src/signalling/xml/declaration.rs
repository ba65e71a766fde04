//! **Is there an XML declaration in front, and is it the plain one?** XML 1.0 section 2.8.

use super::Fault;
use super::reader::BLANKS;

/// What stands behind an XML declaration and the white space after it; all, where there is none.
pub(super) fn behind(text: &str) -> Result<&str, Fault> {
    let Some(rest) = text.strip_prefix("<?xml").filter(|rest| rest.starts_with(BLANKS)) else { return Ok(text) };
    let wrong = Fault { what: "an XML declaration of another form" };
    let (said, behind) = rest.split_once("?>").ok_or(wrong)?;
    // Each of the three is optional but the first, and they come in this order (XML 1.0 section 2.8).
    let (version, said) = pseudo_attribute(said, "version").ok_or(wrong)?;
    let (encoding, said) = pseudo_attribute(said, "encoding").unwrap_or(("UTF-8", said));
    let (standalone, said) = pseudo_attribute(said, "standalone").unwrap_or(("yes", said));
    let right = version == "1.0" && encoding.eq_ignore_ascii_case("UTF-8") && matches!(standalone, "yes" | "no");
    if right && said.trim_start_matches(BLANKS).is_empty() { Ok(behind.trim_start_matches(BLANKS)) } else { Err(wrong) }
}

/// The value of what comes next, where it is called so, and what stands behind it.
fn pseudo_attribute<'a>(said: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let rest = said.strip_prefix(BLANKS)?.trim_start_matches(BLANKS).strip_prefix(name)?;
    let rest = rest.trim_start_matches(BLANKS).strip_prefix('=')?.trim_start_matches(BLANKS);
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    rest.strip_prefix(quote)?.split_once(quote)
}
