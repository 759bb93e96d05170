//! Capture files: pcap and pcapng, plain or gzip.
