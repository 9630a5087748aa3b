/// Why a sound file was not read.
public enum SoundFileError: Error, Hashable, Sendable {
  /// Not a file of this kind at all.
  case notThisFormat
  /// It ends inside a structure, or a structure contradicts itself; the offset in bytes.
  case malformed(offset: Int)
  /// A kind of samples that is not read here.
  case unsupported(String)
  /// More than the limit given.
  case tooLong
}

/// The header of a RIFF WAVE file and where its samples lie.
public struct WAVFormat: Hashable, Sendable {
  public enum Samples: Hashable, Sendable {
    case unsigned8, signed16, signed24, signed32, float32, aLaw, muLaw

    public var bytes: Int {
      switch self {
      case .unsigned8, .aLaw, .muLaw: 1
      case .signed16: 2
      case .signed24: 3
      case .signed32, .float32: 4
      }
    }
  }

  public var samples: Samples
  public var channels: Int
  /// Hertz, 1000 to 192000.
  public var sampleRate: Int
  /// Where the samples lie, whole frames only.
  public var data: Range<Int>

  public var frameBytes: Int { samples.bytes * channels }
  public var frameCount: Int { data.count / frameBytes }

  public static let maximumChannels = 8
  /// Chunks before the samples that are passed over; more is no sound file.
  public static let maximumChunks = 64

  public init(samples: Samples, channels: Int, sampleRate: Int, data: Range<Int>) {
    self.samples = samples
    self.channels = channels
    self.sampleRate = sampleRate
    self.data = data
  }

  /// Reads the chunks of a file up to its samples. A file whose recorder was ended before it could fill in
  /// the lengths is read to its end.
  public init(_ file: UnsafeRawBufferPointer) throws(SoundFileError) {
    guard file.count >= 12, file.hasText("RIFF", at: 0), file.hasText("WAVE", at: 8) else {
      throw .notThisFormat
    }
    var offset = 12
    var format: (samples: Samples, channels: Int, rate: Int)?
    for _ in 0..<WAVFormat.maximumChunks {
      guard offset + 8 <= file.count else { throw .malformed(offset: offset) }
      let size = Int(file.littleEndian32(offset + 4))
      let start = offset + 8
      if file.hasText("data", at: offset) {
        guard let format else { throw .malformed(offset: offset) }
        let isUnfinished = size == 0 || size == 0xffff_ffff || size > file.count - start
        let length = isUnfinished ? file.count - start : size
        let frame = format.samples.bytes * format.channels
        self.init(
          samples: format.samples, channels: format.channels, sampleRate: format.rate,
          data: start..<start + length / frame * frame)
        return
      }
      guard size <= file.count - start else { throw .malformed(offset: offset) }
      if file.hasText("fmt ", at: offset) { format = try WAVFormat.format(file, start..<start + size) }
      // Chunks are padded to an even length.
      offset = start + size + size % 2
    }
    throw .malformed(offset: offset)
  }

  private static func format(_ file: UnsafeRawBufferPointer, _ chunk: Range<Int>) throws(SoundFileError) -> (
    samples: Samples, channels: Int, rate: Int
  ) {
    let start = chunk.lowerBound
    guard chunk.count >= 16 else { throw .malformed(offset: start) }
    var tag = file.littleEndian16(start)
    let channels = Int(file.littleEndian16(start + 2))
    let rate = Int(file.littleEndian32(start + 4))
    let frameBytes = Int(file.littleEndian16(start + 12))
    let bits = Int(file.littleEndian16(start + 14))
    // WAVE_FORMAT_EXTENSIBLE has the tag in the first bytes of its identifier.
    if tag == 0xfffe {
      guard chunk.count >= 40 else { throw .malformed(offset: start) }
      tag = file.littleEndian16(start + 24)
    }
    guard (1...maximumChannels).contains(channels) else { throw .unsupported("\(channels) channels") }
    guard (1_000...192_000).contains(rate) else { throw .unsupported("\(rate) samples a second") }
    let samples: Samples
    switch (tag, bits) {
    case (1, 8): samples = .unsigned8
    case (1, 16): samples = .signed16
    case (1, 24): samples = .signed24
    case (1, 32): samples = .signed32
    case (3, 32): samples = .float32
    case (6, 8): samples = .aLaw
    case (7, 8): samples = .muLaw
    default: throw .unsupported("format \(tag) with \(bits) bits")
    }
    guard frameBytes == samples.bytes * channels else { throw .malformed(offset: start + 12) }
    return (samples, channels, rate)
  }

  /// The frames given, all channels mixed to one, as 16-bit samples at ``sampleRate``. Frames beyond the end
  /// are left out.
  public func read(_ frames: Range<Int>, of file: UnsafeRawBufferPointer) -> [Int16] {
    let available = max(0, min(data.upperBound, file.count) - data.lowerBound) / frameBytes
    let frames = frames.clamped(to: 0..<available)
    var result: [Int16] = []
    result.reserveCapacity(frames.count)
    for frame in frames {
      var sum = 0
      var offset = data.lowerBound + frame * frameBytes
      for _ in 0..<channels {
        sum += Int(sample(file, offset))
        offset += samples.bytes
      }
      result.append(Int16(clamping: sum / channels))
    }
    return result
  }

  private func sample(_ file: UnsafeRawBufferPointer, _ offset: Int) -> Int16 {
    switch samples {
    case .unsigned8: Int16(Int(file[offset]) - 128) * 256
    case .aLaw: G711.pcma.decode(file[offset])
    case .muLaw: G711.pcmu.decode(file[offset])
    case .signed16: Int16(bitPattern: file.littleEndian16(offset))
    case .signed24: Int16(bitPattern: file.littleEndian16(offset + 1))
    case .signed32: Int16(bitPattern: file.littleEndian16(offset + 2))
    case .float32: WAVFormat.sample(Float(bitPattern: file.littleEndian32(offset)))
    }
  }

  private static func sample(_ value: Float) -> Int16 {
    value.isNaN ? 0 : Int16(max(-32_768, min(32_767, value * 32_768)))
  }
}

/// Writes a RIFF WAVE file of 16-bit samples in one channel: the header, then the samples, then the header
/// once more over the first, when the length is known.
public struct WAVWriter: Sendable {
  public let sampleRate: Int
  public private(set) var sampleCount = 0

  public static let headerLength = 44
  /// The format counts bytes in 32 bits.
  public static let maximumSamples = (Int(UInt32.max) - 36) / 2

  public init(sampleRate: Int) { self.sampleRate = sampleRate }

  /// For as many samples as were taken so far.
  public var header: [UInt8] {
    let bytes = UInt32(sampleCount * 2)
    var header = Array("RIFF".utf8)
    func put<T: FixedWidthInteger>(_ value: T) {
      withUnsafeBytes(of: value.littleEndian) { header.append(contentsOf: $0) }
    }
    put(bytes + 36)
    header += Array("WAVEfmt ".utf8)
    put(UInt32(16))
    put(UInt16(1))
    put(UInt16(1))
    put(UInt32(sampleRate))
    put(UInt32(sampleRate * 2))
    put(UInt16(2))
    put(UInt16(16))
    header += Array("data".utf8)
    put(bytes)
    return header
  }

  /// The bytes to append to the file. Empty once the format can count no more.
  public mutating func append(_ samples: some Collection<Int16>) -> [UInt8] {
    guard samples.count <= WAVWriter.maximumSamples - sampleCount else { return [] }
    sampleCount += samples.count
    var bytes: [UInt8] = []
    bytes.reserveCapacity(samples.count * 2)
    for sample in samples {
      bytes.append(UInt8(truncatingIfNeeded: sample))
      bytes.append(UInt8(truncatingIfNeeded: sample >> 8))
    }
    return bytes
  }
}

extension UnsafeRawBufferPointer {
  func hasText(_ text: StaticString, at offset: Int) -> Bool {
    guard offset + text.utf8CodeUnitCount <= count else { return false }
    for i in 0..<text.utf8CodeUnitCount where self[offset + i] != text.utf8Start[i] { return false }
    return true
  }
  func littleEndian16(_ offset: Int) -> UInt16 {
    UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }
  func littleEndian32(_ offset: Int) -> UInt32 {
    UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
  func littleEndian64(_ offset: Int) -> UInt64 {
    UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}
