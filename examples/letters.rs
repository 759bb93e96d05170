//! Makes the table of `src/detect/letters.rs` from word lists, one word a line, one file a language:
//! `cargo run --example letters -- /usr/share/dict/american-english /usr/share/dict/dutch …`

/// Counts begin at a half, so that what was never seen is rare, not impossible.
const NEVER: f64 = 0.5;
const EDGE: usize = 26;

fn main() -> std::io::Result<()> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let mut shares = [[0.0; 27]; 27];
    for file in &files {
        let text = String::from_utf8_lossy(&std::fs::read(file)?).to_lowercase();
        let mut words: Vec<&str> = text.lines().map(str::trim).collect();
        words.sort_unstable();
        words.dedup();
        let plain = |word: &&&str| word.len() > 2 && word.bytes().all(|b| b.is_ascii_lowercase());
        let mut counts = [[NEVER; 27]; 27];
        for word in words.iter().filter(plain) {
            let mut before = EDGE;
            for next in word.bytes().map(|b| usize::from(b - b'a')).chain([EDGE]) {
                counts[before][next] += 1.0;
                before = next;
            }
        }
        for (row, counted) in shares.iter_mut().zip(&counts) {
            let all: f64 = counted.iter().sum();
            row.iter_mut().zip(counted).for_each(|(share, n)| *share += n / all / files.len() as f64);
        }
    }
    for row in &shares {
        let step =
            |share: &f64| (b'i' as i8 + (share * 26.0).log2().round().clamp(-8.0, 3.0) as i8) as u8 as char;
        println!("    b\"{}\",", row.iter().map(step).collect::<String>());
    }
    Ok(())
}
