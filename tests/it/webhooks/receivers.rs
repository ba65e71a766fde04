//! Do the receivers in the documents take what is sent, and nothing else?

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ROOMS, SECRET};
use crate::harness::socket::eventually;
use crate::harness::{Gateway, Person};

/// A program of the documents; killed when dropped.
struct Program {
    child: Child,
    address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts it; `None` where the machine has no such interpreter.
async fn program(folder: &Path, interpreter: &str, name: &str) -> Option<Program> {
    let document = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/webhooks.md")).unwrap();
    let block = document.split_once(&format!("<!-- file: {name} -->\n```")).unwrap().1;
    let text = block.split_once('\n').unwrap().1.split_once("\n```").unwrap().0;
    std::fs::write(folder.join(name), text).unwrap();
    std::fs::write(folder.join("hook.secret"), format!("{SECRET}\n")).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(interpreter);
    command.args([name, &address.port().to_string()]).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let (stdout, to) = (BufReader::new(child.stdout.take().unwrap()), lines.clone());
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).for_each(|line| to.lock().unwrap().push(line)));
    let program = Program { child, address, lines };
    eventually("it listens", Duration::from_secs(20), async || tokio::net::TcpStream::connect(address).await.ok()).await;
    Some(program)
}

/// Sends a message that says to have been signed so long ago; its status.
async fn sends(to: SocketAddr, body: &str, ago: i64, signed: &str) -> u16 {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let at = (now - ago).to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(SECRET).unwrap());
    let signature = STANDARD.encode(hmac::sign(&key, format!("{at}.{signed}").as_bytes()));
    let headers = [("X-Webhook-Timestamp", at.as_str()), ("X-Webhook-Signature", &format!("bm90aGluZw== {signature}"))];
    Person::new(to).sends("POST", "/", &headers, body.as_bytes()).await.status
}

async fn takes_what_is_right_and_nothing_else(interpreter: &str, name: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = program(folder.path(), interpreter, name).await else {
        println!("no {interpreter} here");
        return false;
    };
    let hook = format!(
        "[[webhook]]\nurl = \"http://{}/\"\nprivate = true\nsecret_file = \"hook.secret\"\nevents = [\"waiting-participant.joined\"]\n",
        program.address
    );
    let gateway = Gateway::with(&[ROOMS, &hook].concat()).await;
    gateway.stranger().posts_knock("standup", "Bob Berg").await;
    let told = async |line: &str| {
        let lines = program.lines.clone();
        eventually(line, Duration::from_secs(20), async || lines.lock().unwrap().iter().any(|l| l == line).then_some(())).await;
    };
    told("waiting-participant.joined Bob Berg").await;

    let message = r#"{"type":"participant.left","id":"1","payload":{"user_name":"Eve"}}"#;
    let changed = message.replace("Eve", "Ann");
    assert_eq!(sends(program.address, &changed, 0, message).await, 401, "changed");
    assert_eq!(sends(program.address, message, 3600, message).await, 401, "overheard an hour ago");
    assert_eq!(sends(program.address, message, -3600, message).await, 401, "an hour ahead");
    let unsigned = Person::new(program.address).sends("POST", "/", &[], message.as_bytes()).await;
    assert_eq!(unsigned.status, 401);
    for _ in 0..2 {
        assert_eq!(sends(program.address, message, 3, message).await, 204);
    }
    told("participant.left Eve").await;
    assert_eq!(program.lines.lock().unwrap().len(), 2, "what came twice counts once");
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receivers_in_the_documents_take_what_is_sent_and_nothing_else() {
    let python = takes_what_is_right_and_nothing_else("python3", "receiver.py").await;
    let node = takes_what_is_right_and_nothing_else("node", "receiver.mjs").await;
    assert!(python || node, "neither python3 nor node is here");
}
