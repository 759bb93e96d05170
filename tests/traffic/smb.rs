//! SMB messages (MS-SMB2 2.2, MS-CIFS 2.2), with NTLMSSP (MS-NLMP 2.2.1) and DCE/RPC (C706 chapter 12) inside: questions
//! with their answers, each in its NetBIOS frame. Bytes only; who sends them when is the scenario's business.

/// A question and its answer.
pub type Exchange = (Vec<u8>, Vec<u8>);

/// `STATUS_LOGON_FAILURE`.
pub const LOGON_FAILURE: u32 = 0xc000_006d;

/// Interfaces as they are written.
pub mod interface {
    pub const SERVICES: u128 = 0x367abb81_9844_35f1_ad32_98f038001003;
    pub const TASKS: u128 = 0x86d35949_83c9_4044_b424_db363231fd0c;
    pub const SERVER_SERVICE: u128 = 0x4b324fc8_1670_01d3_1278_5a47bf6ee188;
    pub const SAMR: u128 = 0x12345778_1234_abcd_ef00_0123456789ac;
    pub const WMI: u128 = 0x9556dc99_828c_11cf_a37e_00aa003240c7;
    pub const NETLOGON: u128 = 0x12345678_1234_abcd_ef00_01234567cffb;
    pub const REPLICATION: u128 = 0xe3514235_4b06_11d1_ab04_00c04fc2dcd2;
}

/// Puts a message in its NetBIOS frame (RFC 1002, 4.3.1).
pub fn frame(message: &[u8]) -> Vec<u8> {
    let mut out = (message.len() as u32).to_be_bytes().to_vec();
    out.extend(message);
    out
}

/// UTF-16LE.
pub fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// An NTLMSSP message of one of the three kinds; the names are of the third.
pub fn ntlm(kind: u8, domain: &str, user: &str, workstation: &str) -> Vec<u8> {
    let mut message = [b"NTLMSSP\0".as_slice(), &[kind, 0, 0, 0]].concat();
    if kind != 3 {
        message.resize(40, 0);
        return message;
    }
    let fields = [vec![0; 24], vec![0x5a; 60], wide(domain), wide(user), wide(workstation), Vec::new()];
    let mut at = 64u32;
    for field in &fields {
        let len = (field.len() as u16).to_le_bytes();
        message.extend([len, len].concat());
        message.extend(at.to_le_bytes());
        at += field.len() as u32;
    }
    message.extend(0xe288_8215u32.to_le_bytes());
    message.extend(fields.concat());
    message
}

/// A DCE/RPC PDU, whole in one fragment.
pub fn pdu(kind: u8, call: u32, body: &[u8]) -> Vec<u8> {
    let mut out = vec![5, 0, kind, 3, 0x10, 0, 0, 0];
    out.extend((16 + body.len() as u16).to_le_bytes());
    out.extend([0, 0]);
    out.extend(call.to_le_bytes());
    out.extend(body);
    out
}

/// An identifier on the wire.
pub fn uuid(uuid: u128) -> Vec<u8> {
    let mut bytes = uuid.to_be_bytes();
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    bytes.to_vec()
}

/// Binding an interface.
pub fn bind(interface: u128) -> Exchange {
    let mut body = vec![0xb8, 0x10, 0xb8, 0x10, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0];
    body.extend(uuid(interface));
    body.extend([2, 0, 0, 0]);
    body.extend(uuid(0x8a885d04_1ceb_11c9_9fe8_08002b104860));
    body.extend([2, 0, 0, 0]);
    let mut ack = vec![0xb8, 0x10, 0xb8, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    ack.extend(uuid(0x8a885d04_1ceb_11c9_9fe8_08002b104860));
    ack.extend([2, 0, 0, 0]);
    (pdu(11, 1, &body), pdu(12, 1, &ack))
}

/// A call of operation `opnum` that returns `status`.
pub fn call(number: u32, opnum: u16, arguments: usize, status: u32) -> Exchange {
    let mut body = (arguments as u32).to_le_bytes().to_vec();
    body.extend([0, 0]);
    body.extend(opnum.to_le_bytes());
    body.resize(8 + arguments, 0x11);
    let mut answer = vec![24, 0, 0, 0, 0, 0, 0, 0];
    answer.resize(28, 0x22);
    answer.extend(status.to_le_bytes());
    (pdu(0, number, &body), pdu(2, number, &answer))
}

/// What a client may do with a file that it opens.
pub mod access {
    pub const READ: u32 = 0x0012_0089;
    pub const WRITE: u32 = 0x0012_019f;
    pub const DELETE: u32 = 0x0011_0080;
}

/// The client of one SMB 2 connection: makes its messages and the server's answers.
#[derive(Debug, Default)]
pub struct Smb2 {
    id: u64,
    tree: u32,
    file: u64,
    calls: u32,
}

impl Smb2 {
    fn head(&self, command: u16, status: u32, answer: bool) -> Vec<u8> {
        let mut out = b"\xfeSMB\x40\0\x01\0".to_vec();
        out.extend(status.to_le_bytes());
        out.extend(command.to_le_bytes());
        out.extend([1, 0]);
        out.extend(u32::from(answer).to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.id.to_le_bytes());
        out.extend([0xff, 0xfe, 0, 0]);
        out.extend(self.tree.to_le_bytes());
        out.extend(0x4000_0001u64.to_le_bytes());
        out.extend([0; 16]);
        out
    }

    fn exchange(&mut self, command: u16, status: u32, question: &[u8], answer: &[u8]) -> Exchange {
        let exchange = (
            frame(&[self.head(command, 0, false), question.to_vec()].concat()),
            frame(&[self.head(command, status, true), answer.to_vec()].concat()),
        );
        self.id += 1;
        exchange
    }

    /// Agreeing on SMB 3.1.1.
    pub fn negotiate(&mut self) -> Exchange {
        let mut question = vec![0; 36];
        question[..6].copy_from_slice(&[36, 0, 1, 0, 1, 0]);
        question.extend([0x11, 3]);
        let mut answer = vec![0; 64];
        answer[..6].copy_from_slice(&[65, 0, 1, 0, 0x11, 3]);
        self.exchange(0, 0, &question, &answer)
    }

    fn setup(&mut self, status: u32, blob: &[u8], answer_blob: &[u8]) -> Exchange {
        let mut question = vec![25, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 88, 0];
        question.extend((blob.len() as u16).to_le_bytes());
        question.resize(24, 0);
        question.extend(blob);
        let mut answer = vec![9, 0, 0, 0, 72, 0];
        answer.extend((answer_blob.len() as u16).to_le_bytes());
        answer.extend(answer_blob);
        self.exchange(1, status, &question, &answer)
    }

    /// Logging in by NTLM; the server's last word is `status`.
    pub fn login(&mut self, user: &str, status: u32) -> [Exchange; 2] {
        [
            self.setup(0xc000_0016, &ntlm(1, "", "", ""), &ntlm(2, "", "", "")),
            self.setup(status, &ntlm(3, "HOME", user, "PC"), &[]),
        ]
    }

    /// Logging in by Kerberos: one ticket, one answer.
    pub fn ticket(&mut self) -> Exchange {
        self.setup(0, &[0x60; 1200], &[0xa1; 180])
    }

    /// Connecting to a share, such as `\\nas\photos`.
    pub fn tree(&mut self, path: &str, status: u32) -> Exchange {
        let name = wide(path);
        let mut question = vec![9, 0, 0, 0, 72, 0];
        question.extend((name.len() as u16).to_le_bytes());
        question.extend(name);
        let before = self.tree;
        let mut exchange = self.exchange(3, status, &question, &[]);
        self.tree = before + 1;
        self.id -= 1;
        let kind = if path.ends_with("IPC$") { 2 } else { 1 };
        let answer = [16, 0, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 1, 0x1f, 0];
        exchange.1 = self.exchange(3, status, &[], &answer).1;
        exchange
    }

    /// Opening a file; `action` is what the server did: 1 opened, 2 created, 3 overwrote.
    pub fn open(&mut self, name: &str, access: u32, action: u32) -> Exchange {
        let name = wide(name);
        self.file += 1;
        let mut question = vec![57, 0, 0, 0, 2, 0, 0, 0];
        question.resize(24, 0);
        for word in [access, 0x80, 7, if action == 1 { 1 } else { 5 }, 0x40] {
            question.extend(word.to_le_bytes());
        }
        question.extend(120u16.to_le_bytes());
        question.extend((name.len() as u16).to_le_bytes());
        question.resize(56, 0);
        question.extend(name);
        let mut answer = vec![89, 0, 0, 0];
        answer.extend(action.to_le_bytes());
        answer.resize(64, 0);
        answer.extend(self.file_id());
        answer.resize(88, 0);
        self.exchange(5, 0, &question, &answer)
    }

    fn file_id(&self) -> Vec<u8> {
        [self.file.to_le_bytes(), (self.file | 1 << 40).to_le_bytes()].concat()
    }

    /// Writing `data` to the file opened last.
    pub fn write(&mut self, data: &[u8]) -> Exchange {
        let mut question = vec![49, 0, 112, 0];
        question.extend((data.len() as u32).to_le_bytes());
        question.extend([0; 8]);
        question.extend(self.file_id());
        question.resize(48, 0);
        question.extend(data);
        let mut answer = vec![17, 0, 0, 0];
        answer.extend((data.len() as u32).to_le_bytes());
        answer.resize(16, 0);
        self.exchange(9, 0, &question, &answer)
    }

    /// Reading `data` from the file opened last.
    pub fn read(&mut self, data: &[u8]) -> Exchange {
        let mut question = vec![49, 0, 80, 0];
        question.extend(65_536u32.to_le_bytes());
        question.extend([0; 8]);
        question.extend(self.file_id());
        question.resize(49, 0);
        let mut answer = vec![17, 0, 80, 0];
        answer.extend((data.len() as u32).to_le_bytes());
        answer.resize(16, 0);
        answer.extend(data);
        self.exchange(8, 0, &question, &answer)
    }

    fn set_info(&mut self, class: u8, data: &[u8]) -> Exchange {
        let mut question = vec![33, 0, 1, class];
        question.extend((data.len() as u32).to_le_bytes());
        question.extend([96, 0]);
        question.resize(16, 0);
        question.extend(self.file_id());
        question.extend(data);
        self.exchange(17, 0, &question, &[2, 0])
    }

    /// Renaming the file opened last.
    pub fn rename(&mut self, to: &str) -> Exchange {
        let name = wide(to);
        let mut data = vec![0; 16];
        data.extend((name.len() as u32).to_le_bytes());
        data.extend(name);
        self.set_info(10, &data)
    }

    /// Deleting the file opened last, once it is closed.
    pub fn delete(&mut self) -> Exchange {
        self.set_info(13, &[1])
    }

    /// Closing the file opened last.
    pub fn close(&mut self) -> Exchange {
        let mut question = vec![24, 0, 0, 0, 0, 0, 0, 0];
        question.extend(self.file_id());
        let mut answer = vec![60, 0];
        answer.resize(60, 0);
        self.exchange(6, 0, &question, &answer)
    }

    /// A DCE/RPC exchange through the pipe opened last, in one turn.
    pub fn transceive(&mut self, (question, answer): Exchange) -> Exchange {
        let head = |file: &[u8], input: usize, output: usize, size: u16| {
            let mut out = size.to_le_bytes().to_vec();
            out.extend([0, 0]);
            out.extend(0x0011_c017u32.to_le_bytes());
            out.extend(file);
            for (offset, count) in [(120, input), (112, output)] {
                out.extend((offset as u32).to_le_bytes());
                out.extend((count as u32).to_le_bytes());
            }
            out
        };
        let file = self.file_id();
        let mut ask = head(&file, question.len(), 0, 57);
        ask.splice(32..32, [0, 0, 0, 0]);
        ask.resize(56, 0);
        ask.extend(&question);
        let mut tell = head(&file, 0, answer.len(), 49);
        tell.resize(48, 0);
        tell.extend(&answer);
        self.exchange(11, 0, &ask, &tell)
    }

    /// A call through the pipe opened last.
    pub fn call(&mut self, opnum: u16, arguments: usize) -> Exchange {
        self.calls += 1;
        let exchange = call(self.calls, opnum, arguments, 0);
        self.transceive(exchange)
    }
}

/// The client of one SMB 1 connection.
#[derive(Debug)]
pub struct Smb1 {
    /// Number of the next message.
    pub id: u16,
}

impl Smb1 {
    /// A message: command, status, words and bytes.
    pub fn message(&self, command: u8, status: u32, answer: bool, words: &[u8], bytes: &[u8]) -> Vec<u8> {
        let mut out = b"\xffSMB".to_vec();
        out.push(command);
        out.extend(status.to_le_bytes());
        out.extend([if answer { 0x98 } else { 0x18 }, 0x07, 0x40]);
        out.extend([0; 12]);
        out.extend([0, 8, 0xff, 0xfe, 0, 8]);
        out.extend(self.id.to_le_bytes());
        out.push((words.len() / 2) as u8);
        out.extend(words);
        out.extend((bytes.len() as u16).to_le_bytes());
        out.extend(bytes);
        frame(&out)
    }

    /// Agreeing on NT LM 0.12.
    pub fn negotiate(&self) -> Exchange {
        let question = self.message(0x72, 0, false, &[], b"\x02NT LM 0.12\0");
        let mut words = vec![0; 34];
        words[2] = 3;
        (question, self.message(0x72, 0, true, &words, &[0; 8]))
    }

    /// An anonymous session.
    pub fn anonymous(&self) -> Exchange {
        let mut words = vec![0xff, 0, 0, 0, 0xff, 0xff, 2, 0, 1, 0];
        words.resize(26, 0);
        let question = self.message(0x73, 0, false, &words, &[0; 8]);
        (question, self.message(0x73, 0, true, &[0xff, 0, 0, 0, 0, 0], b"Windows\0"))
    }

    /// Connecting to a share.
    pub fn tree(&self, path: &str) -> Exchange {
        let words = [0xff, 0, 0, 0, 0, 0, 1, 0];
        let question = self.message(0x75, 0, false, &words, format!("\0{path}\0?????\0").as_bytes());
        (question, self.message(0x75, 0, true, &[0xff, 0, 0, 0, 1, 0], b"IPC\0"))
    }

    /// A transaction: its command, function, total and present data. Answered with the number raised by `raised`.
    pub fn transaction(
        &self,
        (command, function): (u8, u16),
        total: u16,
        data: &[u8],
        raised: u16,
    ) -> Exchange {
        let mut words = Vec::new();
        let present = data.len() as u16;
        for word in [0, total, 1, 0, 0, 0, 0, 0, 0, 0, 66, present, 66, 2] {
            words.extend(u16::to_le_bytes(word));
        }
        words.extend([function.to_le_bytes(), [0, 0]].concat());
        let question = self.message(command, 0, false, &words, data);
        let answer = Smb1 { id: self.id.wrapping_add(raised) };
        (question, answer.message(command, 0xc000_0002, true, &[], &[]))
    }

    /// The begin of an NT transaction of `total` bytes.
    pub fn nt_transaction(&self, total: u32, data: &[u8]) -> Exchange {
        let mut words = vec![1, 0, 0];
        for word in [30, total, 30, 0, 30, 75, data.len() as u32, 104] {
            words.extend(word.to_le_bytes());
        }
        words.extend([1, 0, 0, 0, 0]);
        (self.message(0xa0, 0, false, &words, data), self.message(0xa0, 0, true, &[], &[]))
    }

    /// More of a transaction, as TRANS2 has it.
    pub fn more(&self, command: u8, data: &[u8]) -> Vec<u8> {
        let mut words = Vec::new();
        for word in [0, data.len() as u16, 0, 0, 0, data.len() as u16, 53, 0, 0] {
            words.extend(u16::to_le_bytes(word));
        }
        self.message(command, 0, false, &words, data)
    }
}
