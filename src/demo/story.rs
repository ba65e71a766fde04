//! What is there to try: which rooms, by which links?

/// The gateway's configuration for the story, in TOML: listening on `port` of the loopback, with `admin` beside it and the
/// meetings at `meetings`; the token key is `secret`. Its files stand beside it.
///
/// Both names of the loopback are ours: people on one are strangers to the other's cookies.
pub fn config(port: u16, admin: u16, meetings: u16, secret: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin}"
hosts = ["localhost:{port}"]
allowed_origins = ["http://localhost:{port}"]
[upstream]
url = "http://127.0.0.1:{meetings}"
profile = "generic"
[upstream.generic]
room = "/{{room}}"
open = ["/", "/static/", "/favicon.ico"]
sockets = ["/ws?room={{room}}"]
[tokens]
[[tokens.key]]
algorithm = "HS256"
secret = "{secret}"
[session]
secret_file = "session.secret"
[store]
kind = "memory"
[[room]]
name = "open"
[[room]]
name = "standup"
privacy = "private"
enable_knocking = true
[[room]]
name = "board"
privacy = "private"
"#
    )
}

/// The links' tokens. Each names one room.
#[derive(Clone, Copy)]
pub struct Tokens<'a> {
    /// An owner's, for `standup`.
    pub owner: &'a str,
    /// A participant's, for `board`.
    pub guest: &'a str,
    /// A participant's for `board` whose time is over.
    pub expired: &'a str,
}

/// What `roomgate demo` prints: at most 25 lines, to be played in two windows of one browser.
///
/// Owners come to `127.0.0.1` and everybody else to `localhost`: for a browser these are two sites with cookies of their
/// own, so that one browser can be two people.
pub fn story(port: u16, tokens: &Tokens<'_>) -> String {
    let Tokens { owner, guest, expired } = tokens;
    format!(
        "\
Roomgate stands in front of a miniature meeting server. Open two windows of one browser, side by side.

1. You own the room `standup`. In the first window:
   http://127.0.0.1:{port}/standup?t={owner}
   The token leaves the address bar and you are inside. Open \"Door: who is waiting\".

2. You are a stranger. In the second window:
   http://localhost:{port}/standup
   Say who you are and knock; then press Allow in the first window. You see each other.
   Press Remove there, and the second window's meeting ends at once.

3. You are a guest with a link. `board` is private and nobody can knock there:
   http://localhost:{port}/board
   and with your invitation you walk in:
   http://localhost:{port}/board?t={guest}

4. A link that has run out says so, best seen in a private window:
   http://localhost:{port}/board?t={expired}

5. `open` is public, and a room that nobody set up does not exist:
   http://localhost:{port}/open
   http://localhost:{port}/nowhere

Ctrl-C ends the demo; nothing is kept.
"
    )
}
