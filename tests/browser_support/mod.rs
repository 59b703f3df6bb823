//! Pages in a real browser, headless: a script looks at the page and writes what it finds into it, and the browser prints that.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Names the browser; it must work then.
const VARIABLE: &str = "GROMA_TEST_CHROMIUM";
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// A busy machine may take long to start a browser.
const PATIENCE: Duration = Duration::from_secs(120);

/// A Chromium that can be started.
pub struct Browser {
    program: PathBuf,
}

impl Browser {
    /// The browser of this machine; without one a notice, which fails the test where nothing may be skipped.
    pub fn find(what: &str) -> Option<Self> {
        let named = std::env::var_os(VARIABLE).map(PathBuf::from);
        if named.is_some() {
            return named.map(|program| Self { program });
        }
        let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
        let places = PROGRAMS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        let found = places.into_iter().find(|path| path.is_file());
        if found.is_none() {
            let notice = format!("{what}, no `{}`, install Debian's chromium, or set {VARIABLE}", PROGRAMS[0]);
            assert!(std::env::var_os("GROMA_TEST_STRICT").is_none_or(|v| v != "1"), "GROMA_TEST_STRICT=1: {notice}");
            eprintln!("SKIPPED: {notice}");
        }
        found.map(|program| Self { program })
    }

    /// Opens a copy of a page in a window of `width` pixels and runs a script in it, which fills an object `probe`; gives that
    /// object, with all messages of errors on the console and of exceptions in `errors`.
    ///
    /// The page itself stays in the folder of the tests' files as `NAME.html`, for a look.
    pub fn probe(&self, name: &str, html: &str, script: &str, width: u32) -> serde_json::Value {
        // Not in /tmp: a browser from a snap cannot read what lies there.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
        let watch = "<script>const probe = {errors: []}; console.error = (...a) => probe.errors.push(a.join(' ')); \
                     addEventListener('error', e => probe.errors.push(e.message || 'cannot load ' + e.target.src), true);</script>";
        let look = format!(
            "<script>try {{ {script} }} catch (e) {{ probe.errors.push(String(e)); }} \
             const out = document.createElement('pre'); out.id = 'probe'; out.textContent = btoa(JSON.stringify(probe)); \
             document.body.append(out);</script></body>"
        );
        let probed = html.replacen("<head>", &format!("<head>{watch}"), 1).replacen("</body>", &look, 1);
        let copy = folder.join(format!("{name}-probed.html"));
        std::fs::write(&copy, probed).unwrap();
        let (dom, log) = self.dump(&copy, width);
        let coded = dom.split_once("<pre id=\"probe\">").and_then(|(_, rest)| rest.split_once("</pre>"));
        let (coded, _) = coded.unwrap_or_else(|| panic!("the browser did not run the probe:\n{log}\n{dom:.2000}"));
        let mut seen: serde_json::Value = serde_json::from_slice(&decode_base64(coded)).unwrap();
        let errors = seen["errors"].as_array_mut().unwrap();
        errors.extend(log.lines().filter(|line| line.contains("CONSOLE")).map(serde_json::Value::from));
        seen
    }

    /// What the browser prints of a page after its scripts have run, and its log.
    fn dump(&self, page: &Path, width: u32) -> (String, String) {
        let own = tempfile::tempdir_in(page.parent().unwrap()).unwrap();
        let (out, log) = (own.path().join("dom"), own.path().join("log"));
        // Into files: a pipe would be full long before a large page has been printed.
        let mut browser = Command::new(&self.program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-extensions", "--disable-background-networking", "--disable-component-update"])
            .args(["--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom"])
            .arg(format!("--window-size={width},900"))
            .arg(format!("--user-data-dir={}", own.path().join("profile").display()))
            .arg(format!("file://{}", page.display()))
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&out).unwrap())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}; install chromium, or correct {VARIABLE}", self.program.display()));
        let end = Instant::now() + PATIENCE;
        let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        loop {
            if let Some(status) = browser.try_wait().unwrap() {
                assert!(status.success(), "{} ended with {status}:\n{}", self.program.display(), read(&log));
                return (read(&out), read(&log));
            }
            if Instant::now() > end {
                browser.kill().unwrap();
                browser.wait().unwrap();
                panic!("{} did not end in {PATIENCE:?}:\n{}", self.program.display(), read(&log));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn decode_base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = text.bytes().filter_map(|c| LETTERS.iter().position(|letter| *letter == c)).fold(
        (Vec::new(), 0u32, 0),
        |(mut bytes, mut word, mut bits), digit| {
            (word, bits) = (word << 6 | digit as u32, bits + 6);
            if bits >= 8 {
                bits -= 8;
                bytes.push((word >> bits) as u8);
                word &= (1 << bits) - 1;
            }
            (bytes, word, bits)
        },
    );
    bits.0
}
