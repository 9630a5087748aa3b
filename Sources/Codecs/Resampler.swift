import CSpeexDSP

/// Converts between sample rates (windowed sinc). Owned by one thread; makes no memory after it was made
/// itself.
public struct Resampler: ~Copyable {
  public let inputRate: Int
  public let outputRate: Int
  private let state: OpaquePointer

  /// Speex' scale of effort, 0 to 10. This one keeps aliases 60 dB down and adds 4 ms at 8 kHz.
  public static let defaultQuality = 4

  /// Nil for rates outside 1 to 384000 and when there is no memory.
  public init?(from inputRate: Int, to outputRate: Int, quality: Int = Resampler.defaultQuality) {
    guard (1...384_000).contains(inputRate), (1...384_000).contains(outputRate) else { return nil }
    var error: Int32 = 0
    let quality = Int32(min(max(quality, 0), 10))
    guard let state = speex_resampler_init(1, UInt32(inputRate), UInt32(outputRate), quality, &error) else {
      return nil
    }
    self.inputRate = inputRate
    self.outputRate = outputRate
    self.state = state
  }

  deinit { speex_resampler_destroy(state) }

  /// Converts all of the input that the output has room for, which is all when it has room for
  /// ``outputCount(for:)``. Returns the samples written.
  public mutating func process(
    _ input: UnsafeBufferPointer<Int16>, into output: UnsafeMutableBufferPointer<Int16>
  ) -> Int {
    guard let source = input.baseAddress, let target = output.baseAddress else { return 0 }
    var read = UInt32(clamping: input.count)
    var written = UInt32(clamping: output.count)
    guard speex_resampler_process_int(state, 0, source, &read, target, &written) == 0 else { return 0 }
    return Int(written)
  }

  /// The most samples that an input of this length becomes.
  public func outputCount(for count: Int) -> Int { (count * outputRate + inputRate - 1) / inputRate }

  /// How much later a sample comes out, in output samples.
  public var latency: Int { Int(speex_resampler_get_output_latency(state)) }

  /// Forgets what went through.
  public mutating func reset() { speex_resampler_reset_mem(state) }
}
