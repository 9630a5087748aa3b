import COpus
import CSpanDSP

/// Turns payloads into samples, and what was lost into something bearable. Owned by one thread; makes no
/// memory after it was made itself.
public struct AudioDecoder: ~Copyable {
  public let encoding: AudioEncoding
  /// Samples a second it gives.
  public let sampleRate: Int
  private let opus: OpaquePointer?
  private let g722: UnsafeMutablePointer<g722_decode_state_t>?
  /// For encodings that have no concealment of their own.
  private var concealment: WaveformConcealment?

  /// - Parameter sampleRate: for Opus 8000, 12000, 16000, 24000 or 48000; otherwise ignored.
  /// Nil when the library has no memory, or for a rate that Opus does not know.
  public init?(_ encoding: AudioEncoding, sampleRate: Int? = nil) {
    self.encoding = encoding
    self.sampleRate = encoding == .opus ? sampleRate ?? 48_000 : encoding.sampleRate
    switch encoding {
    case .opus:
      g722 = nil
      concealment = nil
      var error: Int32 = 0
      opus = opus_decoder_create(Int32(self.sampleRate), 1, &error)
      guard opus != nil, error == OPUS_OK else { return nil }
    case .g722:
      opus = nil
      concealment = WaveformConcealment(sampleRate: 16_000)
      g722 = g722_decode_init(nil, 64_000, 0)
      guard g722 != nil else { return nil }
    case .pcmu, .pcma, .l16:
      opus = nil
      g722 = nil
      concealment = WaveformConcealment(sampleRate: self.sampleRate)
    }
  }

  deinit {
    if let opus { opus_decoder_destroy(opus) }
    if let g722 { g722_decode_free(g722) }
  }

  /// Samples that the longest packet decodes to.
  public var maximumSamples: Int { sampleRate * AudioEncoding.maximumPacketTime / 1_000 }

  /// Decodes a payload. Returns the samples written; nil, with nothing written, when it is malformed or does
  /// not fit.
  public mutating func decode(
    _ payload: UnsafeRawBufferPointer, into samples: UnsafeMutableBufferPointer<Int16>
  ) -> Int? {
    guard let bytes = payload.baseAddress, let out = samples.baseAddress else { return nil }
    let count: Int
    switch encoding {
    case .pcmu, .pcma:
      count = payload.count
      guard count <= samples.count else { return nil }
      (encoding == .pcmu ? G711.pcmu : .pcma).decode(payload, into: samples)
    case .l16:
      count = payload.count / 2
      guard payload.count % 2 == 0, count <= samples.count else { return nil }
      for i in 0..<count {
        out[i] = Int16(bigEndian: bytes.loadUnaligned(fromByteOffset: i * 2, as: Int16.self))
      }
    case .g722:
      guard payload.count * 2 <= samples.count, let g722 else { return nil }
      let data = bytes.assumingMemoryBound(to: UInt8.self)
      count = Int(g722_decode(g722, out, data, Int32(payload.count)))
    case .opus:
      guard let opus, payload.count > 0, payload.count <= 1 << 16, samples.count <= 1 << 16 else {
        return nil
      }
      let decoded = opus_decode(
        opus, bytes.assumingMemoryBound(to: UInt8.self), Int32(payload.count), out, Int32(samples.count), 0)
      return decoded > 0 ? Int(decoded) : nil
    }
    guard count > 0 else { return nil }
    concealment?.note(UnsafeMutableBufferPointer(rebasing: samples[..<count]))
    return count
  }

  /// Fills the buffer with what may have been in the place of lost audio; it fades to silence (Opus: to the
  /// background noise) within 60 ms. For Opus the length is a multiple of 2.5 ms; the rest of another is
  /// silence.
  public mutating func conceal(into samples: UnsafeMutableBufferPointer<Int16>) {
    guard let out = samples.baseAddress else { return }
    guard let opus else {
      concealment?.conceal(into: samples)
      return
    }
    let unit = sampleRate / 400
    var done = 0
    while samples.count - done >= unit {
      let count = min((samples.count - done) / unit * unit, sampleRate / 50)
      let written = opus_decode(opus, nil, 0, out + done, Int32(count), 0)
      guard written > 0 else { break }
      done += Int(written)
    }
    for i in done..<samples.count { out[i] = 0 }
  }

  /// Fills the buffer with the lost audio just before `next`, from the copy that `next` carries (in-band FEC,
  /// RFC 6716 §2.1.7); where there is none, conceals. `next` is decoded after this as usual.
  public mutating func recover(
    from next: UnsafeRawBufferPointer, into samples: UnsafeMutableBufferPointer<Int16>
  ) {
    if let opus, let bytes = next.baseAddress, let out = samples.baseAddress, next.count <= 1 << 16,
      samples.count % (sampleRate / 400) == 0, OpusPacket(next)?.hasRedundancy == true
    {
      let data = bytes.assumingMemoryBound(to: UInt8.self)
      let count = opus_decode(opus, data, Int32(next.count), out, Int32(samples.count), 1)
      if count == samples.count { return }
    }
    conceal(into: samples)
  }

  /// Forgets what was heard: another stream begins.
  public mutating func reset() {
    if let opus { _ = copus_decoder_reset(opus) }
    if let g722 { g722_decode_init(g722, 64_000, 0) }
    concealment?.reset()
  }
}
