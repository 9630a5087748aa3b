/// Reads the packets of an Ogg Opus file piece by piece (RFC 7845).
///
/// Damaged pages are passed over, and what is lost with them with it. Streams of other kinds that are
/// multiplexed with it are left out; of chained files all are read, one after the other.
public struct OggOpusReader: Sendable {
  /// What a file says of itself (RFC 7845 §5.1).
  public struct Header: Hashable, Sendable {
    public var channels: Int
    /// Samples at 48 kHz to leave out at the beginning.
    public var preSkip: Int
    /// Of what was recorded; only told.
    public var inputSampleRate: UInt32
    /// To apply to what is decoded, in 1/256 dB.
    public var outputGain: Int16

    public init(
      channels: Int = 1, preSkip: Int = 312, inputSampleRate: UInt32 = 48_000, outputGain: Int16 = 0
    ) {
      self.channels = channels
      self.preSkip = preSkip
      self.inputSampleRate = inputSampleRate
      self.outputGain = outputGain
    }

    static let length = 19

    public init?(_ packet: UnsafeRawBufferPointer) {
      // Versions with a major number of zero are readable (RFC 7845 §5.1, item 2). Mapping family 0: mono or
      // stereo.
      guard packet.count >= Header.length, packet.hasText("OpusHead", at: 0), packet[8] & 0xf0 == 0,
        packet[18] == 0, (1...2).contains(packet[9])
      else { return nil }
      self.init(
        channels: Int(packet[9]), preSkip: Int(packet.littleEndian16(10)),
        inputSampleRate: packet.littleEndian32(12),
        outputGain: Int16(bitPattern: packet.littleEndian16(16)))
    }

    public var bytes: [UInt8] {
      var bytes = Array("OpusHead".utf8) + [1, UInt8(channels)]
      func put<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
      }
      put(UInt16(clamping: preSkip))
      put(inputSampleRate)
      put(outputGain)
      return bytes + [0]
    }
  }

  public enum Item: Hashable, Sendable {
    case header(Header)
    case audio([UInt8])
    /// Samples at 48 kHz to leave out at the end of what came before: the file ends inside a packet (RFC 7845
    /// §4.4).
    case endTrim(Int)
  }

  /// RFC 7845 §3 lets a packet be 61440 bytes at two channels and family 0; ours are 1275 at most.
  public static let maximumPacketBytes = 61_440
  /// Comments, with pictures and all, may be this long before a file is refused.
  public static let maximumCommentBytes = 1 << 20

  private enum State: Hashable { case header, comments, audio }
  private var state = State.header
  private var serialNumber: UInt32?
  private var nextSequence: UInt32 = 0
  private var waiting: [UInt8] = []
  private var partial: [UInt8] = []
  private var hasPartial = false
  /// Of the packets so far, at 48 kHz.
  private var position: Int64 = 0
  private var isFirstAudioPage = true
  /// Some page was read, of whatever stream: it is Ogg.
  private var hasPages = false
  /// Pages or bytes that were not what they should be.
  public private(set) var damageCount = 0

  public init() {}

  /// Takes the next bytes of the file, and gives what can be read by now.
  ///
  /// - Throws: ``SoundFileError/notThisFormat`` when it does not begin with Ogg, ``SoundFileError/tooLong`` when a
  ///   packet or the comments exceed their limit.
  public mutating func read(_ bytes: UnsafeRawBufferPointer) throws(SoundFileError) -> [Item] {
    waiting.append(contentsOf: bytes)
    var items: [Item] = []
    var offset = 0
    var failure: SoundFileError?
    let buffer = waiting
    buffer.withUnsafeBytes { buffer in
      loop: while offset < buffer.count {
        switch OggPage.read(buffer, at: offset) {
        case .incomplete: break loop
        case .none:
          if !hasPages, damageCount == 0 {
            failure = .notThisFormat
            break loop
          }
          damageCount += 1
          offset += 1
          while offset < buffer.count, buffer[offset] != 0x4f { offset += 1 }
        case .page(let page, let length):
          offset += length
          hasPages = true
          do throws(SoundFileError) { try take(page, into: &items) } catch {
            failure = error
            break loop
          }
        }
      }
    }
    waiting.removeFirst(min(offset, waiting.count))
    if let failure { throw failure }
    return items
  }

  private mutating func take(_ page: OggPage, into items: inout [Item]) throws(SoundFileError) {
    if page.isFirst {
      // Another stream of a chain begins when the one before has ended; one beside it is not ours.
      if serialNumber == nil {
        let header = page.body.withUnsafeBytes { Header($0) }
        guard let header else {
          if page.body.withUnsafeBytes({ $0.hasText("OpusHead", at: 0) }) {
            throw .unsupported("a channel mapping that is not mono or stereo, or another version")
          }
          return
        }
        serialNumber = page.serialNumber
        nextSequence = page.sequenceNumber &+ 1
        state = .comments
        position = 0
        isFirstAudioPage = true
        hasPartial = false
        items.append(.header(header))
      }
      return
    }
    guard page.serialNumber == serialNumber else { return }
    if page.sequenceNumber != nextSequence {
      damageCount += 1
      hasPartial = false
      partial.removeAll(keepingCapacity: true)
    }
    nextSequence = page.sequenceNumber &+ 1
    try takePackets(of: page, into: &items)
    if page.isLast {
      serialNumber = nil
      state = .header
    }
  }

  private mutating func takePackets(of page: OggPage, into items: inout [Item]) throws(SoundFileError) {
    // The rest of a packet whose beginning is lost is no packet.
    var isSkipping = page.isContinuation && !hasPartial
    if !page.isContinuation, hasPartial {
      damageCount += 1
      partial.removeAll(keepingCapacity: true)
    }
    hasPartial = false
    var offset = 0
    var hasEnd = false
    for lacing in page.segments {
      let end = offset + Int(lacing)
      if !isSkipping {
        partial.append(contentsOf: page.body[offset..<end])
        let limit = state == .comments ? OggOpusReader.maximumCommentBytes : OggOpusReader.maximumPacketBytes
        guard partial.count <= limit else { throw .tooLong }
        hasPartial = true
      }
      offset = end
      if lacing < 255 {
        if !isSkipping { finishPacket(into: &items) }
        isSkipping = false
        hasEnd = true
      }
    }
    guard hasEnd, page.granulePosition >= 0, state == .audio else { return }
    if page.isLast, !isFirstAudioPage, page.granulePosition < position {
      items.append(.endTrim(Int(min(position - page.granulePosition, Int64(AudioEncoding.maximumSpan)))))
    }
    // Positions may begin anywhere, and go on behind a damage (RFC 7845 §4.3, §4.5).
    position = page.granulePosition
    isFirstAudioPage = false
  }

  private mutating func finishPacket(into items: inout [Item]) {
    defer {
      partial.removeAll(keepingCapacity: true)
      hasPartial = false
    }
    guard state == .audio else {
      // The comments are of no use to us.
      state = .audio
      return
    }
    guard let duration = partial.withUnsafeBytes({ OpusPacket($0)?.duration }) else {
      damageCount += 1
      return
    }
    let (sum, overflow) = position.addingReportingOverflow(Int64(duration))
    position = overflow ? 0 : sum
    items.append(.audio(partial))
  }
}

extension AudioEncoding {
  /// Two seconds at 48 kHz: more than one page of the longest kind trims.
  static let maximumSpan = 96_000
}
