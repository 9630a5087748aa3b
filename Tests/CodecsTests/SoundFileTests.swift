import TestSupport
import Testing

@testable import Codecs

@Suite struct WAVTests {
  private func header(
    tag: UInt16 = 1, channels: UInt16 = 1, rate: UInt32 = 8_000, bits: UInt16 = 16,
    data: [UInt8] = [1, 2, 3, 4],
    size: UInt32? = nil, before: [UInt8] = []
  ) -> [UInt8] {
    func le<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
    let frame = channels * (bits / 8)
    var file = Array("RIFF".utf8) + le(UInt32(36)) + Array("WAVE".utf8) + before
    file += Array("fmt ".utf8) + le(UInt32(16)) + le(tag) + le(channels) + le(rate) + le(rate * UInt32(frame))
    file += le(frame) + le(bits) + Array("data".utf8) + le(size ?? UInt32(data.count)) + data
    return file
  }

  private func format(_ file: [UInt8]) throws -> WAVFormat { try file.withUnsafeBytes { try WAVFormat($0) } }

  private func read(_ file: [UInt8]) throws -> [Int16] {
    try file.withUnsafeBytes { bytes in
      let format = try WAVFormat(bytes)
      return format.read(0..<format.frameCount, of: bytes)
    }
  }

  @Test func whatIsWrittenIsRead() throws {
    let samples = AudioSignal.noise(count: 1_000, amplitude: 30_000, seed: 1)
    var writer = WAVWriter(sampleRate: 48_000)
    var body = writer.append(samples[..<300])
    body += writer.append(samples[300...])
    let file = writer.header + body
    #expect(writer.header.count == WAVWriter.headerLength)
    #expect(try read(file) == samples)
    #expect(try format(file).sampleRate == 48_000)
  }

  @Test func kindsOfSamples() throws {
    #expect(try read(header(bits: 8, data: [0, 128, 255])) == [-32_768, 0, 32_512])
    #expect(try read(header(bits: 24, data: [9, 1, 2, 9, 0xff, 0xff])) == [513, -1])
    #expect(try read(header(bits: 32, data: [9, 9, 1, 2])) == [513])
    let half = withUnsafeBytes(of: Float(0.5).bitPattern.littleEndian) { Array($0) }
    #expect(try read(header(tag: 3, bits: 32, data: half + [0, 0, 0xc0, 0x7f])) == [16_384, 0])
    #expect(try read(header(tag: 6, bits: 8, data: [0xd5])) == [8])
    #expect(try read(header(tag: 7, bits: 8, data: [0xff, 0x80])) == [0, 32_124])
    // Two channels become one; a frame that is cut off is none.
    #expect(try read(header(channels: 2, data: [0, 1, 0, 3, 0])) == [512])
    // Other chunks are passed over, with their padding.
    let list = Array("LIST".utf8) + [3, 0, 0, 0, 9, 9, 9, 0]
    #expect(try read(header(before: list)) == [513, 1_027])
  }

  @Test(arguments: [UInt32(0), .max, 400]) func aRecordingThatBrokeOffIsReadToItsEnd(size: UInt32) throws {
    #expect(try read(header(size: size)) == [513, 1_027])
  }

  @Test func whatIsRefused() {
    func error(_ file: [UInt8]) -> SoundFileError? {
      do { _ = try format(file) } catch { return error as? SoundFileError }
      return nil
    }
    #expect(error([]) == .notThisFormat)
    #expect(error(Array("RIFFxxxxAVI ".utf8)) == .notThisFormat)
    #expect(error(header(tag: 2, bits: 4)) == .unsupported("format 2 with 4 bits"))
    #expect(error(header(channels: 9)) == .unsupported("9 channels"))
    #expect(error(header(channels: 8)) == nil)
    #expect(error(header(channels: 0)) == .unsupported("0 channels"))
    #expect(error(header(rate: 192_001)) == .unsupported("192001 samples a second"))
    #expect(error(header(rate: 192_000)) == nil)
    #expect(error(Array(header().prefix(30))) == .malformed(offset: 12))
    let chunk = Array("JUNK".utf8) + [0, 0, 0, 0]
    let many = [[UInt8]](repeating: chunk, count: WAVFormat.maximumChunks - 2).flatMap { $0 }
    #expect(error(header(before: many)) == nil)
    #expect(error(header(before: many + chunk)) != nil)
  }

  @Test func anyDamageIsReadOrRefused() {
    var generator = SplitMix(seed: 3)
    let file = header(data: [UInt8](repeating: 7, count: 64))
    for _ in 0..<5_000 {
      var damaged = file
      for _ in 0..<3 {
        damaged[Int(generator.next() % UInt64(damaged.count))] = UInt8(truncatingIfNeeded: generator.next())
      }
      damaged.removeLast(Int(generator.next() % UInt64(damaged.count)))
      _ = try? read(damaged)
    }
  }
}

@Suite struct OggOpusTests {
  private func recording(seconds: Int) throws -> (file: [UInt8], packets: [[UInt8]]) {
    let trip = try RoundTrip(.opus)
    let packets = trip.encode(AudioSignal.sine(440, rate: 48_000, count: 48_000 * seconds))
    var writer = OggOpusWriter(serialNumber: 77)
    var file = writer.begin(vendor: "test", comments: ["TITLE=A tone"])
    for packet in packets { file += packet.withUnsafeBytes { writer.append($0) } }
    #expect(writer.duration == Int64(48_000 * seconds))
    file += writer.finish()
    return (file, packets)
  }

  private func read(_ file: [UInt8], piece: Int = .max) throws -> ([OggOpusReader.Item], damage: Int) {
    var reader = OggOpusReader()
    var items: [OggOpusReader.Item] = []
    for start in stride(from: 0, to: file.count, by: min(piece, file.count)) {
      let end = start + min(piece, file.count - start)
      items += try file[start..<end].withUnsafeBytes { try reader.read($0) }
    }
    return (items, reader.damageCount)
  }

  private func audio(_ items: [OggOpusReader.Item]) -> [[UInt8]] {
    items.compactMap { item in if case .audio(let packet) = item { packet } else { nil } }
  }

  @Test(arguments: [1, 7, 4_096, Int.max]) func whatIsWrittenIsReadInAnyPieces(piece: Int) throws {
    let (file, packets) = try recording(seconds: 3)
    let (items, damage) = try read(file, piece: piece)
    #expect(damage == 0)
    guard case .header(let header) = items.first else {
      Issue.record("no header")
      return
    }
    #expect(header == OggOpusReader.Header(channels: 1, preSkip: 312))
    #expect(audio(items) == packets)
  }

  /// A page that ends no packet has no position (RFC 3533 §6): programs complain of such a last one.
  @Test(arguments: [49, 50, 51, 100]) func theLastPageHoldsAPacket(packets: Int) {
    var writer = OggOpusWriter(serialNumber: 3)
    _ = writer.begin(vendor: "test")
    let silence: [UInt8] = [0xf8, 0xff, 0xfe]
    for _ in 0..<packets { _ = silence.withUnsafeBytes { writer.append($0) } }
    // The number of segments stands at byte 26.
    let last = writer.finish()
    #expect(last.count > 27 && last[26] > 0)
  }

  @Test func aPacketOfSeveralSegmentsAndPages() throws {
    // 1020 bytes have a last segment of none.
    let large = [UInt8(0x78)] + [UInt8](repeating: 5, count: 1_019)
    var writer = OggOpusWriter(serialNumber: 1)
    var file = writer.begin(vendor: "")
    for _ in 0..<60 { file += large.withUnsafeBytes { writer.append($0) } }
    file += writer.finish()
    #expect(audio(try read(file).0) == [[UInt8]](repeating: large, count: 60))
    // A packet that goes on from one page to the next, as other writers make them.
    let head = OggPage(
      isFirst: true, granulePosition: 0, serialNumber: 9, sequenceNumber: 0, segments: [19],
      body: OggOpusReader.Header().bytes)
    let tags = OggPage(
      granulePosition: 0, serialNumber: 9, sequenceNumber: 1, segments: [8], body: Array("OpusTags".utf8))
    let first = OggPage(
      granulePosition: -1, serialNumber: 9, sequenceNumber: 2, segments: [255, 255],
      body: Array(large[..<510]))
    let second = OggPage(
      isContinuation: true, isLast: true, granulePosition: 960, serialNumber: 9, sequenceNumber: 3,
      segments: [255, 255, 0], body: Array(large[510...]))
    let items = try read(head.bytes + tags.bytes + first.bytes + second.bytes).0
    #expect(audio(items) == [large])
    // Without its beginning it is no packet.
    let (rest, damage) = try read(head.bytes + tags.bytes + second.bytes)
    #expect(audio(rest) == [] && damage == 1)
  }

  @Test func aDamagedPageIsPassedOver() throws {
    let (file, packets) = try recording(seconds: 4)
    var damaged = file
    damaged[file.count / 2] ^= 0x10
    let (items, damage) = try read(damaged)
    #expect(damage > 0)
    #expect(audio(items).count == packets.count - 50)
    // The same, cut off in the middle of a page.
    let cut = try read(Array(file[..<(file.count - 100)])).0
    #expect(audio(cut).count == packets.count - 50)
  }

  @Test func chainsAndOtherStreams() throws {
    let (file, packets) = try recording(seconds: 1)
    #expect(audio(try read(file + file).0) == packets + packets)
    let other = OggPage(
      isFirst: true, granulePosition: 0, serialNumber: 5, sequenceNumber: 0, segments: [7],
      body: Array("\u{1}vorbis".utf8))
    #expect(audio(try read(other.bytes + file).0) == packets)
  }

  /// What a file is does not depend on the pieces in which it comes.
  @Test func rubbishAfterAnotherStreamIsDamage() throws {
    let (file, packets) = try recording(seconds: 1)
    let other = OggPage(
      isFirst: true, granulePosition: 0, serialNumber: 5, sequenceNumber: 0, segments: [7],
      body: Array("\u{1}vorbis".utf8))
    var reader = OggOpusReader()
    var items: [OggOpusReader.Item] = []
    for piece in [other.bytes, Array("rubbish".utf8) + file] {
      items += try piece.withUnsafeBytes { try reader.read($0) }
    }
    #expect(audio(items) == packets && reader.damageCount == 1)
  }

  @Test func theEndIsTrimmed() throws {
    let packet: [UInt8] = [0x78, 1, 2, 3]
    let head = OggPage(
      isFirst: true, granulePosition: 0, serialNumber: 9, sequenceNumber: 0, segments: [19],
      body: OggOpusReader.Header().bytes)
    let tags = OggPage(granulePosition: 0, serialNumber: 9, sequenceNumber: 1, segments: [1], body: [0])
    let first = OggPage(granulePosition: 960, serialNumber: 9, sequenceNumber: 2, segments: [4], body: packet)
    let last = OggPage(
      isLast: true, granulePosition: 1_500, serialNumber: 9, sequenceNumber: 3, segments: [4], body: packet)
    let items = try read(head.bytes + tags.bytes + first.bytes + last.bytes).0
    #expect(items.last == .endTrim(420))
  }

  @Test func limits() throws {
    #expect(throws: SoundFileError.notThisFormat) { try read(Array("RIFF and more".utf8)) }
    let surround = OggPage(
      isFirst: true, granulePosition: 0, serialNumber: 9, sequenceNumber: 0, segments: [19],
      body: Array("OpusHead".utf8) + [1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    #expect(throws: SoundFileError.self) { try read(surround.bytes) }
    // Comments without end.
    var file = OggPage(
      isFirst: true, granulePosition: 0, serialNumber: 9, sequenceNumber: 0, segments: [19],
      body: OggOpusReader.Header().bytes
    ).bytes
    let pages = OggOpusReader.maximumCommentBytes / (255 * 255)
    for i in 0..<pages {
      file += endless(UInt32(i + 1)).bytes
    }
    #expect(audio(try read(file).0) == [])
    file += endless(UInt32(pages + 1)).bytes
    #expect(throws: SoundFileError.tooLong) { try read(file) }
  }

  private func endless(_ sequence: UInt32) -> OggPage {
    OggPage(
      isContinuation: sequence > 1, granulePosition: -1, serialNumber: 9, sequenceNumber: sequence,
      segments: [UInt8](repeating: 255, count: 255), body: [UInt8](repeating: 1, count: 255 * 255))
  }

  @Test func anyDamageIsReadOrRefused() throws {
    let (file, packets) = try recording(seconds: 2)
    var generator = SplitMix(seed: 11)
    for _ in 0..<200 {
      var damaged = file
      for _ in 0..<Int(generator.next() % 5) {
        damaged[Int(generator.next() % UInt64(damaged.count))] ^= UInt8(1 << (generator.next() % 8))
      }
      if generator.next() % 3 == 0 {
        let start = Int(generator.next() % UInt64(damaged.count / 2))
        damaged.removeSubrange(start..<start + Int(generator.next() % 500))
      }
      let items = (try? read(damaged, piece: 1 + Int(generator.next() % 3_000)).0) ?? []
      #expect(audio(items).count <= packets.count)
    }
  }

  /// The check value of this polynomial without reflection and inversion, from the catalogue of CRCs.
  @Test func checksums() {
    var checksum = OggChecksum()
    Array("123456789".utf8).withUnsafeBytes { checksum.add($0) }
    #expect(checksum.value == 0x89a1_897f)
  }
}
