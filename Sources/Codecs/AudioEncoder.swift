import COpus
import CSpanDSP

/// Turns samples into payloads. Owned by one thread; makes no memory after it was made itself.
public struct AudioEncoder: ~Copyable {
  public let encoding: AudioEncoding
  /// Samples a second it takes. That of the encoding, but for Opus, which takes what the source has: there is
  /// nothing above 4 kHz to look for in audio that comes from a telephone.
  public let sampleRate: Int
  public private(set) var settings: OpusSettings
  private var opus: OpaquePointer?
  private let g722: UnsafeMutablePointer<g722_encode_state_t>?

  /// - Parameters:
  ///   - sampleRate: for Opus 8000, 12000, 16000, 24000 or 48000; otherwise ignored.
  ///   - settings: for Opus.
  /// Nil when the library has no memory, or for a rate that Opus does not know.
  public init?(_ encoding: AudioEncoding, sampleRate: Int? = nil, settings: OpusSettings = OpusSettings()) {
    self.encoding = encoding
    self.settings = settings
    self.sampleRate = encoding == .opus ? sampleRate ?? 48_000 : encoding.sampleRate
    switch encoding {
    case .opus:
      g722 = nil
      var error: Int32 = 0
      opus = opus_encoder_create(Int32(self.sampleRate), 1, OPUS_APPLICATION_VOIP, &error)
      guard opus != nil, error == OPUS_OK else { return nil }
      apply()
    case .g722:
      opus = nil
      g722 = g722_encode_init(nil, 64_000, 0)
      guard g722 != nil else { return nil }
    case .pcmu, .pcma, .l16:
      opus = nil
      g722 = nil
    }
  }

  deinit {
    if let opus { opus_encoder_destroy(opus) }
    if let g722 { g722_encode_free(g722) }
  }

  /// Encodes one frame: for Opus 2.5, 5, 10, 20, 40 or 60 ms. Returns the bytes written; 0 when there is
  /// nothing to send (Opus with DTX in silence) or the buffer cannot hold the frame.
  public mutating func encode(
    _ samples: UnsafeBufferPointer<Int16>, into payload: UnsafeMutableRawBufferPointer
  ) -> Int {
    guard !samples.isEmpty, let base = samples.baseAddress, let out = payload.baseAddress else { return 0 }
    switch encoding {
    case .pcmu, .pcma:
      guard payload.count >= samples.count else { return 0 }
      (encoding == .pcmu ? G711.pcmu : .pcma).encode(samples, into: payload)
      return samples.count
    case .l16:
      guard payload.count >= samples.count * 2 else { return 0 }
      for i in 0..<samples.count {
        out.storeBytes(of: samples[i].bigEndian, toByteOffset: i * 2, as: Int16.self)
      }
      return samples.count * 2
    case .g722:
      // Two samples make a byte.
      guard payload.count >= samples.count / 2, let g722 else { return 0 }
      return Int(g722_encode(g722, out.assumingMemoryBound(to: UInt8.self), base, Int32(samples.count & ~1)))
    case .opus:
      guard let opus else { return 0 }
      let count = opus_encode(
        opus, base, Int32(samples.count), out.assumingMemoryBound(to: UInt8.self), Int32(payload.count))
      // One or two bytes need not be sent (opus_encode's own word for DTX).
      return count > 2 || count > 0 && !settings.usesDTX ? Int(count) : 0
    }
  }

  /// Changes how Opus encodes from the next frame on; the stream goes on.
  public mutating func update(_ settings: OpusSettings) {
    guard settings != self.settings else { return }
    self.settings = settings
    apply()
  }

  /// Goes on where the other encoder is: a listener of its stream hears no seam when this one's payloads
  /// follow. Returns false, and does nothing, when the two are not of one kind.
  @discardableResult
  public mutating func copyState(from other: borrowing AudioEncoder) -> Bool {
    guard encoding == other.encoding, sampleRate == other.sampleRate else { return false }
    if let g722, let source = other.g722 { g722.pointee = source.pointee }
    if let opus, let source = other.opus {
      // Documented as copyable by plain copy of its bytes (opus.h, "Opus Encoder").
      UnsafeMutableRawPointer(opus).copyMemory(
        from: UnsafeRawPointer(source), byteCount: Int(opus_encoder_get_size(1)))
      settings = other.settings
    }
    return true
  }

  /// While on, Opus frames lean on those before as little as possible, so that a listener of another stream
  /// can come in.
  public mutating func setIndependent(_ isOn: Bool) {
    if let opus { _ = copus_set_independent(opus, isOn ? 1 : 0) }
  }

  /// Starts anew, as if just made.
  public mutating func reset() {
    if let opus { _ = copus_encoder_reset(opus) }
    if let g722 { g722_encode_init(g722, 64_000, 0) }
  }

  /// How much later than its sample went in a sample comes out of a decoder, in samples at ``sampleRate``.
  public var lookahead: Int {
    guard let opus else { return encoding == .g722 ? 22 : 0 }
    return Int(copus_encoder_lookahead(opus))
  }

  private func apply() {
    guard let opus else { return }
    _ = copus_set_bitrate(opus, Int32(settings.bitrate))
    _ = copus_set_complexity(opus, Int32(settings.complexity))
    _ = copus_set_fec(opus, settings.usesRedundancy ? 1 : 0)
    _ = copus_set_dtx(opus, settings.usesDTX ? 1 : 0)
    _ = copus_set_expected_loss(opus, Int32(settings.expectedLoss))
    _ = copus_set_voice(opus)
    let bandwidth =
      switch settings.maximumPlaybackRate {
      case ..<12_000: OPUS_BANDWIDTH_NARROWBAND
      case ..<16_000: OPUS_BANDWIDTH_MEDIUMBAND
      case ..<24_000: OPUS_BANDWIDTH_WIDEBAND
      case ..<48_000: OPUS_BANDWIDTH_SUPERWIDEBAND
      default: OPUS_BANDWIDTH_FULLBAND
      }
    _ = copus_set_max_bandwidth(opus, bandwidth)
  }
}
