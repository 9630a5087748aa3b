/// Writes Opus packets into an Ogg file (RFC 7845), a page a second, so that a recording that breaks off
/// loses no more.
public struct OggOpusWriter: Sendable {
  private let serialNumber: UInt32
  private var sequenceNumber: UInt32 = 0
  private var position: Int64
  private var segments: [UInt8] = []
  private var body: [UInt8] = []
  private var pageStart: Int64

  /// Of audio in a page, at 48 kHz.
  public static let pageDuration: Int64 = 48_000

  /// - Parameters:
  ///   - serialNumber: any, but different in files that are to be multiplexed or chained.
  ///   - preSkip: the encoder's lookahead at 48 kHz.
  public init(serialNumber: UInt32, preSkip: Int = 312) {
    self.serialNumber = serialNumber
    self.preSkip = preSkip
    position = 0
    pageStart = 0
  }

  private let preSkip: Int

  /// The first two pages: begin the file with them.
  ///
  /// - Parameters:
  ///   - vendor: who encoded it.
  ///   - comments: `NAME=value` (RFC 7845 §5.2), e.g. `TITLE=`.
  public mutating func begin(vendor: String, comments: [String] = []) -> [UInt8] {
    let header = OggOpusReader.Header(preSkip: preSkip).bytes
    var tags = Array("OpusTags".utf8)
    func put(_ text: String) {
      // One page takes it all: no text is longer than this.
      let bytes = Array(text.utf8.prefix(1_000))
      withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { tags.append(contentsOf: $0) }
      tags += bytes
    }
    put(vendor)
    let comments = comments.prefix(32)
    withUnsafeBytes(of: UInt32(comments.count).littleEndian) { tags.append(contentsOf: $0) }
    for comment in comments { put(comment) }
    return page(header, isFirst: true) + page(tags)
  }

  private mutating func page(_ packet: [UInt8], isFirst: Bool = false) -> [UInt8] {
    defer { sequenceNumber &+= 1 }
    return OggPage(
      isFirst: isFirst, granulePosition: 0, serialNumber: serialNumber, sequenceNumber: sequenceNumber,
      segments: OggOpusWriter.lacing(packet.count), body: packet
    ).bytes
  }

  private static func lacing(_ count: Int) -> [UInt8] {
    [UInt8](repeating: 255, count: count / 255) + [UInt8(count % 255)]
  }

  /// Adds a packet. Returns the bytes to write, if a page is full. A packet that is none, or longer than
  /// ``OpusPacket/maximumFrameBytes`` times three, is left out.
  public mutating func append(_ packet: UnsafeRawBufferPointer) -> [UInt8] {
    guard let duration = OpusPacket(packet)?.duration, packet.count <= 3 * OpusPacket.maximumFrameBytes else {
      return []
    }
    let lacing = OggOpusWriter.lacing(packet.count)
    var full: [UInt8] = []
    // Only when there is something for the next page: the last of the file must not be empty.
    let isFull = position - pageStart >= OggOpusWriter.pageDuration || segments.count + lacing.count > 255
    if isFull { full = flush() }
    segments += lacing
    body.append(contentsOf: packet)
    position += Int64(duration)
    return full
  }

  /// Samples at 48 kHz so far, ``init(serialNumber:preSkip:)``'s `preSkip` among them.
  public var duration: Int64 { position }

  /// What is left, as the last page of the file.
  public mutating func finish() -> [UInt8] { flush(isLast: true) }

  private mutating func flush(isLast: Bool = false) -> [UInt8] {
    guard isLast || !segments.isEmpty else { return [] }
    defer {
      sequenceNumber &+= 1
      segments.removeAll(keepingCapacity: true)
      body.removeAll(keepingCapacity: true)
      pageStart = position
    }
    return OggPage(
      isLast: isLast, granulePosition: position, serialNumber: serialNumber, sequenceNumber: sequenceNumber,
      segments: segments, body: body
    ).bytes
  }
}
