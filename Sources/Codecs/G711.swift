/// Companded telephone audio (ITU-T G.711): 8 bits a sample, 8000 samples a second.
public enum G711: String, Sendable, CaseIterable {
  /// RTP payload type 0 (RFC 3551 §6).
  case pcmu = "PCMU"
  /// RTP payload type 8.
  case pcma = "PCMA"

  public static let sampleRate = 8000

  public var payloadType: UInt8 { self == .pcmu ? 0 : 8 }

  /// What is sent for silence.
  public var silence: UInt8 { self == .pcmu ? 0xff : 0xd5 }

  public func encode(_ sample: Int16) -> UInt8 {
    self == .pcmu ? G711.encodeMu(sample) : G711.encodeA(sample)
  }

  public func decode(_ code: UInt8) -> Int16 {
    self == .pcmu ? G711.decodeMu(code) : G711.decodeA(code)
  }

  public func encode(_ samples: some Sequence<Int16>) -> [UInt8] { samples.map(encode) }
  public func decode(_ codes: some Sequence<UInt8>) -> [Int16] { codes.map(decode) }

  /// Encodes sample by sample; both buffers must hold `samples.count`.
  public func encode(_ samples: UnsafeBufferPointer<Int16>, into codes: UnsafeMutableRawBufferPointer) {
    let count = min(samples.count, codes.count)
    if self == .pcmu {
      for i in 0..<count { codes[i] = G711.encodeMu(samples[i]) }
    } else {
      for i in 0..<count { codes[i] = G711.encodeA(samples[i]) }
    }
  }

  public func decode(_ codes: UnsafeRawBufferPointer, into samples: UnsafeMutableBufferPointer<Int16>) {
    let count = min(samples.count, codes.count)
    if self == .pcmu {
      for i in 0..<count { samples[i] = G711.decodeMu(codes[i]) }
    } else {
      for i in 0..<count { samples[i] = G711.decodeA(codes[i]) }
    }
  }

  // µ-law works on 14-bit magnitudes with a bias of 33: segment s covers 33·2^s - 33 on (G.711 table 2a).
  @inline(__always)
  private static func encodeMu(_ sample: Int16) -> UInt8 {
    let sign: UInt8 = sample < 0 ? 0x80 : 0
    let magnitude = min(Int(sample.magnitude) >> 2, 8158) + 33
    let segment = Int.bitWidth - 1 - magnitude.leadingZeroBitCount - 5
    let step = magnitude >> (segment + 1) & 0x0f
    return ~(sign | UInt8(segment << 4 | step))
  }

  private static func decodeMu(_ code: UInt8) -> Int16 {
    let code = ~code
    let magnitude = ((Int(code & 0x0f) << 1 + 33) << Int(code >> 4 & 7)) - 33
    return Int16(code & 0x80 == 0 ? magnitude * 4 : -magnitude * 4)
  }

  // A-law works on 13-bit values (sign and 12 bits); every second bit is inverted on the wire (G.711 table
  // 1a, note 2).
  private static func encodeA(_ sample: Int16) -> UInt8 {
    let isPositive = sample >= 0
    // One less for negative values, so that both signs have the same intervals.
    let magnitude = isPositive ? Int(sample) >> 4 : Int(~sample) >> 4
    let segment = max(0, Int.bitWidth - 1 - magnitude.leadingZeroBitCount - 3)
    let step = (segment == 0 ? magnitude : magnitude >> (segment - 1)) & 0x0f
    return (UInt8(segment << 4 | step) | (isPositive ? 0x80 : 0)) ^ 0x55
  }

  private static func decodeA(_ code: UInt8) -> Int16 {
    let code = code ^ 0x55
    let segment = Int(code >> 4 & 7)
    let step = Int(code & 0x0f) << 1 + 1
    let magnitude = (segment == 0 ? step : (step + 32) << (segment - 1)) << 3
    return Int16(code & 0x80 == 0 ? -magnitude : magnitude)
  }
}
